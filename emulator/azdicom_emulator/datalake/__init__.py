"""The stored files as the managed service lays them out in a data lake (async §4)."""
