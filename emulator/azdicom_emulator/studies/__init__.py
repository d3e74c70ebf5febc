"""STOW-RS, WADO-RS, QIDO-RS and delete: one module a transaction."""
