"""Folding of text: what a plain comparison of folded values has to find."""

import pytest

from azdicom_emulator.storage.folding import fold_name, fold_text, name_words


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param("CT", "ct", id="case"),
        pytest.param("abc", "abc  ", id="trailing spaces"),
        pytest.param("abc\0", "abc", id="trailing NUL"),
        pytest.param("CAFÉ", "café", id="case of an accented letter"),
        pytest.param("cafe\u0301", "café", id="combining accent"),
    ],
)
def test_texts_that_match_fold_to_the_same(left: str, right: str) -> None:
    """search §5.5: case-insensitive, trailing spaces and NULs insignificant."""
    assert fold_text(left) == fold_text(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param("cafe", "café", id="accent"),
        pytest.param(" abc", "abc", id="leading space"),
        pytest.param("a*c", "abc", id="asterisk"),
    ],
)
def test_texts_that_differ_fold_apart(left: str, right: str) -> None:
    """search §5.5: accent-sensitive, leading spaces significant, no wildcards."""
    assert fold_text(left) != fold_text(right)


def test_names_match_without_accents() -> None:
    """search §5.5, §12: `Hall^X^Ta` finds `Hall^X^Tá`."""
    assert fold_name("Hall^X^Tá ") == fold_name("HALL^x^Ta")
    assert fold_name("Hall^X") != fold_name("Hall X")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("John^Doe", " john doe", id="components"),
        pytest.param("Jonathan^ABCDEFG^Stone Hall^^", " jonathan abcdefg stone hall", id="spaces and empty components"),
        pytest.param("Yamada^Tarou=山田^太郎", " yamada tarou 山田 太郎", id="component groups"),
        pytest.param("Hall^X^Tá", " hall x ta", id="accent"),
        pytest.param("O'Brien-Smith", " o brien smith", id="apostrophe and hyphen"),
        pytest.param("Mu\u0308ller", " muller", id="combining accent"),
        pytest.param("^^", None, id="no word"),
        pytest.param("", None, id="empty"),
    ],
)
def test_words_of_a_name(name: str, words: str | None) -> None:
    """search §6, steps 1 and 3."""
    assert name_words(name) == words


def test_what_is_absent_stays_absent() -> None:
    """search §5.5: a stored null never matches."""
    assert (fold_text(None), fold_name(None), name_words(None)) == (None, None, None)
