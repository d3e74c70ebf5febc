"""What the managed service calls the files of a data lake. Pure functions."""

MASK = 2**64 - 1
PRIME_1 = 11400714785074694791
PRIME_2 = 14029467366897019727
PRIME_3 = 1609587929392839161
PRIME_4 = 9650029242287828579
PRIME_5 = 2870177450012600261
PREFIX_DIGITS = 3
MAX_SHORT_BYTES = 31


def file_name(watermark: int) -> str:
    """`{three digits of a hash}_{watermark}.dcm`: the hash spreads files over the ranges of a storage account.

    Service source: the decimal XXH64 of the watermark's decimal digits.
    """
    digits = str(watermark)
    return f"{str(xxh64_of_short(digits.encode()))[:PREFIX_DIGITS]}_{digits}.dcm"


def watermark_of(name: str) -> int | None:
    """None: no name that `file_name` makes."""
    stem = name.removesuffix(".dcm").rpartition("_")[2]
    return int(stem) if stem.isascii() and stem.isdecimal() and file_name(int(stem)) == name else None


def xxh64_of_short(content: bytes) -> int:
    """XXH64 with seed 0 of up to MAX_SHORT_BYTES bytes (xxHash fast digest algorithm, XXH64)."""
    if len(content) > MAX_SHORT_BYTES:
        raise ValueError(f"more than {MAX_SHORT_BYTES} bytes")
    state = (PRIME_5 + len(content)) & MASK
    rest = content
    while len(rest) >= 8:
        lane = _rotated(int.from_bytes(rest[:8], "little") * PRIME_2, 31) * PRIME_1 & MASK
        state = (_rotated(state ^ lane, 27) * PRIME_1 + PRIME_4) & MASK
        rest = rest[8:]
    if len(rest) >= 4:
        state ^= int.from_bytes(rest[:4], "little") * PRIME_1 & MASK
        state = (_rotated(state, 23) * PRIME_2 + PRIME_3) & MASK
        rest = rest[4:]
    for byte in rest:
        state = _rotated(state ^ (byte * PRIME_5 & MASK), 11) * PRIME_1 & MASK
    state = (state ^ (state >> 33)) * PRIME_2 & MASK
    state = (state ^ (state >> 29)) * PRIME_3 & MASK
    return state ^ (state >> 32)


def _rotated(value: int, bits: int) -> int:
    value &= MASK
    return ((value << bits) | (value >> (64 - bits))) & MASK
