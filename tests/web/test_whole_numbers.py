"""Whole numbers in query strings and paths."""

import pytest

from azdicom_emulator.web.whole_numbers import INT32, INT64, whole_number


@pytest.mark.parametrize(
    ("text", "representable", "number"),
    [
        pytest.param(" +7\t", INT32, 7, id="sign and spaces"),
        pytest.param("-2147483648", INT32, -(2**31), id="lowest"),
        pytest.param("2147483648", INT32, None, id="beyond 32 bits"),
        pytest.param("9223372036854775807", INT64, 2**63 - 1, id="highest"),
        pytest.param("9223372036854775808", INT64, None, id="beyond 64 bits"),
        pytest.param("0" * 5000 + "5", INT32, 5, id="leading zeros"),
        pytest.param("1" * 5000, INT64, None, id="more digits than Python converts"),
        pytest.param("1-3", INT64, None, id="two numbers"),
        pytest.param("1_0", INT64, None, id="underscore"),
        pytest.param("\u0663", INT64, None, id="not ASCII"),
        pytest.param("", INT64, None, id="empty"),
    ],
)
def test_whole_numbers_are_read_as_the_framework_does(text: str, representable: range, number: int | None) -> None:
    """Service source: the model binder's Int32 and Int64 (search §4, retrieve §7)."""
    assert whole_number(text, representable) == number
