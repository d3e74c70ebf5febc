"""Reports of a parity result, for people and for machines."""

from azdicom_proxy.parity.reports.writing import write

__all__ = ["write"]
