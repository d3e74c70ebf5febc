"""Workitems of the probes: the smallest that a service takes, and what it wants before one is completed."""

from collections.abc import Mapping
from typing import Any

IN_PROGRESS = "IN PROGRESS"


def _element(vr: str, *values: object) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


_CODE = {"00080104": _element("LO", "probe")}

SMALLEST: Mapping[str, Any] = {
    "00081080": _element("LO", "probe"),
    "00081084": _element("SQ", _CODE),
    "00081195": _element("UI"),
    "00100010": _element("PN"),
    "00100021": _element("LO"),
    "00100024": _element("SQ"),
    "00100030": _element("DA", "20000101"),
    "00100040": _element("CS", "O"),
    "00101002": _element("SQ"),
    "00380010": _element("LO", "PROBE"),
    "00380014": _element("SQ", {}),
    "00400400": _element("LT"),
    "00404005": _element("DT", "20240101120000"),
    "00404018": _element("SQ"),
    "00404021": _element("SQ"),
    "00404025": _element("SQ"),
    "00404026": _element("SQ"),
    "00404027": _element("SQ"),
    "00404041": _element("CS", "READY"),
    "0040A370": _element("SQ"),
    "00741000": _element("CS", "SCHEDULED"),
    "00741002": _element("SQ"),
    "00741200": _element("CS", "LOW"),
    "00741204": _element("LO", "azdicom probe"),
    "00741210": _element("SQ"),
    "00741216": _element("SQ"),
}
"""PS3.4 table CC.2.5-3, creation."""

PERFORMED: Mapping[str, Any] = {
    "00741216": _element(
        "SQ",
        {
            "00404019": _element("SQ", _CODE),
            "00404028": _element("SQ", _CODE),
            "00404033": _element(
                "SQ",
                {
                    "00081199": _element(
                        "SQ",
                        {
                            "00081150": _element("UI", "1.2.840.10008.5.1.4.1.1.2"),
                            "00081155": _element("UI", "1.2"),
                        },
                    ),
                    "0040E020": _element("CS", "DICOM"),
                },
            ),
            "00404050": _element("DT", "20240101121000"),
            "00404051": _element("DT", "20240101122000"),
        },
    )
}
"""PS3.4 table CC.2.5-3, final state COMPLETED."""


def state_change(state: str, transaction_uid: str) -> dict[str, Any]:
    return {"00081195": _element("UI", transaction_uid), "00741000": _element("CS", state)}
