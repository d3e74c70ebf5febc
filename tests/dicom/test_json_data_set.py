"""Data sets as DICOM JSON objects: what is read, and that it is written as it was read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azdicom_emulator.dicom.json_data_set import (
    JsonDataSetError,
    data_set_bytes,
    items_of,
    parse_data_set,
    text_of,
    values_of,
)

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"vr": "LO", "Value": ["a"]}, {"vr": "LO", "Value": ["a"]}),
        ({"vr": "LO", "Value": []}, {"vr": "LO"}),
        ({"vr": "LO", "Value": None}, {"vr": "LO"}),
        ({"vr": "LO", "Value": [""]}, {"vr": "LO"}),
        ({"vr": "LO", "Value": [None]}, {"vr": "LO"}),
        ({"vr": "LO", "Value": ["a", None, "b\\c"]}, {"vr": "LO", "Value": ["a", None, "b", "c"]}),
        ({"vr": "LO", "Value": [" "]}, {"vr": "LO", "Value": [" "]}),
        ({"vr": "LT"}, {"vr": "LT", "Value": [None]}),
        ({"vr": "UT", "Value": ["a\\b"]}, {"vr": "UT", "Value": ["a\\b"]}),
        (
            {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Phonetic": " "}]},
            {"vr": "PN", "Value": [{"Alphabetic": "A^B"}]},
        ),
        ({"vr": "PN", "Value": [{"Alphabetic": ""}]}, {"vr": "PN"}),
        ({"vr": "DS", "Value": ["1.5", 2]}, {"vr": "DS", "Value": [1.5, 2]}),
        ({"vr": "DS", "Value": ["x", 2]}, {"vr": "DS", "Value": ["x", "2"]}),
        ({"vr": "IS", "Value": ["7"]}, {"vr": "IS", "Value": [7]}),
        ({"vr": "US", "Value": ["7", None]}, {"vr": "US", "Value": [7, None]}),
        ({"vr": "SV", "Value": ["-9223372036854775808"]}, {"vr": "SV", "Value": [-(2**63)]}),
        ({"vr": "AT", "Value": ["00100020"]}, {"vr": "AT", "Value": ["00100020"]}),
        ({"vr": "OB", "InlineBinary": "AAA="}, {"vr": "OB", "InlineBinary": "AAA="}),
        ({"vr": "UN", "BulkDataURI": "http://x"}, {"vr": "UN", "BulkDataURI": "http://x"}),
        (
            {"vr": "SQ", "Value": [None, {"00100020": {"vr": "LO"}}]},
            {"vr": "SQ", "Value": [{}, {"00100020": {"vr": "LO"}}]},
        ),
    ],
)
def test_element_is_read_as_the_service_would_write_it(written: Json, read: Json) -> None:
    """PS3.18 §F.2; retrieve §8.3: empty values, name groups, numbers in strings."""
    assert parse_data_set({"00091001": written}) == {"00091001": read}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"1": {"vr": "LO"}},
        {"PatientID": {"vr": "LO"}},
        {"00100020": None},
        {"00100020": {"Value": ["a"]}},
        {"00100020": {"vr": "lo"}},
        {"00100020": {"vr": ["LO"]}},
        {"00100020": {"vr": "LO", "Value": {}}},
        {"00100020": {"vr": "LO", "Value": [1]}},
        {"00100020": {"vr": "PN", "Value": ["a"]}},
        {"00100020": {"vr": "PN", "Value": [{"Alphabetic": 1}]}},
        {"00100020": {"vr": "US", "Value": ["x"]}},
        {"00100020": {"vr": "US", "Value": [True]}},
        {"00100020": {"vr": "DS", "Value": [[]]}},
        {"00100020": {"vr": "SQ", "Value": ["x"]}},
        {"00100020": {"vr": "OB", "Value": ["x"]}},
        {"00100020": {"vr": "OB", "InlineBinary": 1}},
    ],
    ids=str,
)
def test_what_is_no_data_set_is_refused(value: object) -> None:
    """PS3.18 §F.2.2."""
    with pytest.raises(JsonDataSetError):
        parse_data_set(value)


def test_sequences_are_read_to_the_depth_of_the_service_s_parser() -> None:
    """worklist §2.2: JSON of more than 64 levels is none to the service."""

    def nested(levels: int) -> Json:
        data_set: Json = {}
        for _ in range(levels):
            data_set = {"00404025": {"vr": "SQ", "Value": [data_set]}}
        return data_set

    assert parse_data_set(nested(20)) == nested(20)
    with pytest.raises(JsonDataSetError):
        parse_data_set(nested(21))


def test_values_are_found_by_tag() -> None:
    """PS3.18 §F.2.2: tags in upper case, whatever the client wrote."""
    name = {"Alphabetic": "A", "Phonetic": "C"}
    data_set = parse_data_set(
        {
            "0040a370": {"vr": "SQ", "Value": [{"00080050": {"vr": "SH", "Value": ["1"]}}]},
            "00100010": {"vr": "PN", "Value": [name]},
            "00100020": {"vr": "LO"},
            "00101030": {"vr": "DS", "Value": [7]},
        }
    )

    assert [text_of(item, "00080050") for item in items_of(data_set, "0040A370")] == ["1"]
    assert items_of(data_set, "00100010") == []
    assert text_of(data_set, "00100010") == "A==C"
    assert text_of(data_set, "00100020") is None
    assert text_of(data_set, "00101030") == "7"
    assert values_of(data_set, "00100030") == []
    assert list(data_set) == sorted(data_set)


ELEMENTS = st.one_of(
    st.builds(
        lambda vr, values: {"vr": vr, "Value": values},
        st.sampled_from(["LO", "SH", "CS", "LT", "UI", "DT", "AT"]),
        st.lists(st.none() | st.text(max_size=8), max_size=3),
    ),
    st.builds(
        lambda vr, values: {"vr": vr, "Value": values},
        st.sampled_from(["DS", "IS", "US", "FD"]),
        st.lists(
            st.none() | st.integers(-(2**31), 2**31) | st.floats(allow_nan=False, allow_infinity=False), max_size=3
        ),
    ),
    st.builds(lambda text: {"vr": "PN", "Value": [{"Alphabetic": text, "Ideographic": text[1:]}]}, st.text(max_size=8)),
)
DATA_SETS = st.recursive(
    st.dictionaries(st.integers(0, 2**32 - 1).map("{:08x}".format), ELEMENTS, max_size=4),
    lambda items: st.dictionaries(
        st.integers(0, 2**32 - 1).map("{:08X}".format),
        st.lists(items, max_size=2).map(lambda each: {"vr": "SQ", "Value": each}),
        max_size=3,
    ),
    max_leaves=6,
)


@given(DATA_SETS)
def test_what_is_written_is_read_as_the_same(data_set: Json) -> None:
    """PS3.18 §F.2: reading what was written changes nothing any more."""
    once = parse_data_set(data_set)

    assert parse_data_set(json.loads(data_set_bytes(once))) == once
