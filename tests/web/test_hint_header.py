"""The header `azdicom-hint`: one line of ASCII, whatever the hint quotes."""

import pytest

from azdicom_emulator.web.errors import HINT_HEADER, MAX_HINT_CHARACTERS, NotAcceptableError, error_response


@pytest.mark.parametrize(
    ("hint", "header"),
    [
        ("Accept: image/png", "Accept: image/png"),
        ("first\r\nX-Injected: yes\n\n  last", "first X-Injected: yes last"),
        ("60000 × 60000", "60000 x 60000"),
        ("Ж\0\x7f\udcff", "????"),
        ("x" * 10_000, "x" * MAX_HINT_CHARACTERS),
    ],
    ids=["plain", "lines", "times", "not ASCII", "long"],
)
def test_a_hint_is_one_line_of_ascii(hint: str, header: str) -> None:
    """RFC 9110 §5.5: a codec's message with a line break must not break the answer."""
    assert error_response(NotAcceptableError("refused", hint=hint)).headers[HINT_HEADER] == header
