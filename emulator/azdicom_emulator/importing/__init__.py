"""Bulk import: files that somebody puts into a folder or container are stored (async §4)."""
