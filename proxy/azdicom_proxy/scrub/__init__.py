"""Scrubbing: what is taken out of requests and responses before anything is written."""
