"""What a request carries while a fault rule acts on it: the seam between the rules and the handlers."""

from aiohttp import web

from azdicom_emulator.faults.actions import PartialStore

FAULT = web.RequestKey("fault", str)
"""The name of the rule that acts. Bodies must go through the transport's `write` then, not past it by sendfile."""
PARTIAL_STORE = web.RequestKey("partial_store", PartialStore)
"""Which instances the store of this request must refuse."""
