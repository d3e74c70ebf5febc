"""Runs scenarios: requests sent, answers held against what is expected."""
