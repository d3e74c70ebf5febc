"""The attribute table of the Basic Application Level Confidentiality Profile (PS3.15 table E.1-1, edition 2024b).

`confidentiality.csv` holds it: tag, name, action of the profile, type, actions of the options. `type` is given where
the profile leaves a choice (`X/Z/D`): 1 the attribute must have a value in composite IODs, 2 it may be empty, 3 it may
be absent.
"""

import csv
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources

from azdicom_proxy.scrub.policy import Option, ScrubPolicy

TABLE = "confidentiality.csv"


class Action(StrEnum):
    """PS3.15 table E.1-1a."""

    DUMMY = "D"
    ZERO = "Z"
    REMOVE = "X"
    KEEP = "K"
    CLEAN = "C"
    UID = "U"


@dataclass(frozen=True, slots=True)
class Row:
    """profile: the action without options, a choice resolved by the attribute's type."""

    profile: Action
    options: tuple[tuple[Option, Action], ...]


_BY_TYPE = {"1": "UDZX", "2": "ZDX", "3": "XZD"}
"""Which of the actions to choose from comes first, by the type of the attribute."""

# More keeping comes first: an attribute that one option keeps and another cleans is kept.
_OPTION_ORDER = (Action.KEEP, Action.CLEAN)


@cache
def table() -> dict[str, Row]:
    """Rows by tag, `GGGGEEEE` in upper case; groups 50xx and 60xx as `50xxxxxx`, `60xx3000`."""
    text = resources.files("azdicom_proxy.scrub").joinpath(TABLE).read_text("utf-8")
    return {row["tag"]: _row(row) for row in csv.DictReader(text.splitlines())}


def action_of(tag: int, policy: ScrubPolicy) -> Action | None:
    """What the policy does with a public attribute; None: it is in no rule and no row. Private ones are no business."""
    rule = policy.rules.dicom.get(tag)
    if rule is not None:
        return Action(rule.action)
    if not policy.scrubs_phi:
        return None
    row = _row_of(tag)
    if row is None:
        return None
    chosen = {action for option, action in row.options if option in policy.options}
    return next((action for action in _OPTION_ORDER if action in chosen), row.profile)


def _row_of(tag: int) -> Row | None:
    rows = table()
    key = f"{tag:08X}"
    if key[:2] in ("50", "60") and tag >> 16 & 1 == 0:
        return rows.get(f"{key[:2]}xx{key[4:]}") or rows.get(f"{key[:2]}xxxxxx")
    return rows.get(key)


def _row(row: dict[str, str]) -> Row:
    options = (pair.split(":") for pair in row["options"].split())
    return Row(_resolved(row["profile"], row["type"]), tuple((Option(name), Action(code)) for name, code in options))


def _resolved(profile: str, attribute_type: str) -> Action:
    choices = profile.replace("*", "").split("/")
    if len(choices) == 1:
        return Action(choices[0])
    return Action(next(action for action in _BY_TYPE[attribute_type] if action in choices))
