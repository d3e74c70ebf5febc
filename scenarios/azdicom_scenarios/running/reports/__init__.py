"""The results of scenarios for people and machines: console, TAP, JUnit, JSON (record-replay §13.2)."""
