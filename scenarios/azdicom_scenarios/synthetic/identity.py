"""UIDs of synthetic studies: the same for the same seed, scenario and alias, different for any other."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the UIDs and names of one study are made from; salt: set per run on targets that others use as well."""

    seed: int
    scenario_name: str
    alias: str
    salt: str = ""

    def uid(self, *path: object) -> str:
        """`2.25.` and 122 bits of a digest in decimal (PS3.5 §B.2): at most 42 characters.

        path: what the UID is of within the study, as in `uid("series", 0)`.
        """
        text = "\0".join(map(str, (self.seed, self.salt, self.scenario_name, self.alias, *path)))
        digest = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
        # A UUID of version 8 and its variant bits, so that the number is one that a UUID can have.
        uuid = digest & ~(0xF << 76) & ~(0x3 << 62) | (0x8 << 76) | (0x2 << 62)
        return f"2.25.{uuid}"
