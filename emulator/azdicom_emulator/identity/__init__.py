"""Tokens: the key and the claims of the built-in development issuer, and the check of what clients send."""
