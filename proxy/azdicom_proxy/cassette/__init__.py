"""Cassettes: files of recorded interactions that plain VCR.py loads (docs/cassettes.md)."""
