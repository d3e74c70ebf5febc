"""The tests mirror the packages; `support` holds what they share."""
