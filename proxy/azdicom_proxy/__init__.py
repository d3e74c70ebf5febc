"""Proxy to a live DICOM service: forward, record, replay, compare."""
