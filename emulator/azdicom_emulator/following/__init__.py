"""Followers of the change feed: what hands every change on, each from a durable position of its own."""
