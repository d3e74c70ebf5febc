"""The admin API below `/_azdicom/`, for any aiohttp server: who may, what there is, and what went by."""
