"""The built-in tour of a parity run: every route, status class and media type, on data made for it."""
