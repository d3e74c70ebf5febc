"""Events of changes, as Event Grid delivers those of the managed service."""
