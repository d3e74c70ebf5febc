"""Scenarios: YAML fixtures and steps, run against an emulator or a live service."""
