"""Faults on purpose: rules that say which requests go wrong and how, for the emulator and for any aiohttp server."""
