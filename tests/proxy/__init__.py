"""Tests of the proxy: forwarding, recording, replaying."""
