"""What logs may show of a miss: no names and ids of patients."""

import re

from azdicom_emulator.admin.masking import masked_pair

QUERY_PAIR = re.compile(r"([?&]|, )([\w.%]+=[^&\s,]*)")


def masked_miss(text: str) -> str:
    """The explanation of a miss without values that name a person: without the lines that compare values, too."""
    lines = [line for line in text.split("\n") if not line.startswith(" ")]
    shown = QUERY_PAIR.sub(lambda found: found[1] + masked_pair(found[2]), "\n".join(lines))
    return f"{shown}\nvalues:  in the answer to the client, or with --log-phi"
