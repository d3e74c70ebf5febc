"""Accept negotiation of WADO-RS as a pure function: what is asked for, what is offered, what is chosen."""

import pytest

from azdicom_emulator.web.errors import NotAcceptableError
from azdicom_emulator.web.negotiation import (
    BARE_STAR_OFFER,
    DICOM,
    FRAME_OFFERS,
    INSTANCE_OFFERS,
    OCTET_STREAM,
    STUDY_OFFERS,
    Choice,
    Offer,
    choose,
    parse_accept,
)

LE = "1.2.840.10008.1.2.1"
J2K = "1.2.840.10008.1.2.4.90"


def chosen(offers: tuple[Offer, ...], *lines: str, star_means: str = DICOM) -> Choice:
    return choose(parse_accept(lines), offers, star_means=star_means)


@pytest.mark.parametrize(
    ("accept", "choice"),
    [
        ('multipart/related; type="application/dicom"; transfer-syntax=*', Choice(DICOM, True, "*")),
        ("multipart/related; type=application/dicom; transfer-syntax=*", Choice(DICOM, True, "*")),
        ('multipart/related; type="application/dicom"', Choice(DICOM, True, LE)),
        (f'multipart/related; type="application/dicom"; transfer-syntax={J2K}', Choice(DICOM, True, J2K)),
        ('multipart/related; type="*/*"', Choice(DICOM, True, "*")),
        ("*/*", Choice(DICOM, True, "*")),
        ('MULTIPART/RELATED; TYPE="Application/Dicom"; Transfer-Syntax="*"', Choice("Application/Dicom", True, "*")),
    ],
)
def test_a_study_is_sent_as_multipart_in_the_transfer_syntax_asked_for(accept: str, choice: Choice) -> None:
    """PS3.18 §8.7.5; conformance statement v2, Retrieve; retrieve §4.2, §4.4."""
    assert chosen((*STUDY_OFFERS, BARE_STAR_OFFER), accept) == choice


@pytest.mark.parametrize(
    "accept",
    [
        "application/dicom",
        "application/dicom; transfer-syntax=*",
        'multipart/related; type="application/octet-stream"',
        "multipart/related",
        'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.100',
        'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2',
        "application/*",
        'multipart/form-data; type="application/dicom"',
        "text/html, nonsense",
        "",
    ],
)
def test_a_study_is_not_sent_as_anything_else(accept: str) -> None:
    """Service end-to-end tests; retrieve §4.4."""
    with pytest.raises(NotAcceptableError, match="The request headers are not acceptable"):
        chosen((*STUDY_OFFERS, BARE_STAR_OFFER), accept)


def test_a_bare_star_on_a_study_is_refused_without_the_offer_for_it() -> None:
    """Service source: a bare `*/*` is single part, which a study is not sent as; retrieve §4.4."""
    with pytest.raises(NotAcceptableError):
        chosen(STUDY_OFFERS, "*/*")


@pytest.mark.parametrize(
    ("accept", "choice"),
    [
        ("application/dicom; transfer-syntax=*", Choice(DICOM, False, "*")),
        ("application/dicom", Choice(DICOM, False, LE)),
        (f"application/dicom; transfer-syntax={J2K}", Choice(DICOM, False, J2K)),
        ('multipart/related; type="application/dicom"', Choice(DICOM, True, LE)),
        ("*/*", Choice(DICOM, True, "*")),
    ],
)
def test_an_instance_is_sent_as_single_part_or_multipart(accept: str, choice: Choice) -> None:
    """Conformance statement v2, Retrieve; retrieve §4.4."""
    assert chosen(INSTANCE_OFFERS, accept) == choice


@pytest.mark.parametrize(
    ("accept", "choice"),
    [
        ('multipart/related; type="application/octet-stream"; transfer-syntax=*', Choice(OCTET_STREAM, True, "*")),
        ('multipart/related; type="application/octet-stream"', Choice(OCTET_STREAM, True, LE)),
        ('multipart/related; type="image/jp2"', Choice("image/jp2", True, J2K)),
        ("application/octet-stream; transfer-syntax=*", Choice(OCTET_STREAM, False, "*")),
        ("*/*", Choice(OCTET_STREAM, True, "*")),
    ],
)
def test_frames_are_sent_as_octets_or_jpeg_2000(accept: str, choice: Choice) -> None:
    """Conformance statement v2, Retrieve frames; retrieve §4.4."""
    assert chosen(FRAME_OFFERS, accept, star_means=OCTET_STREAM) == choice


@pytest.mark.parametrize(
    "accept",
    [
        'multipart/related; type="image/jp2"; transfer-syntax=*',
        f'multipart/related; type="application/octet-stream"; transfer-syntax={J2K}',
        "image/jp2",
        "image/jpeg",
        "application/dicom",
    ],
)
def test_frames_are_not_sent_as_anything_else(accept: str) -> None:
    """Service source and end-to-end tests; retrieve §4.4."""
    with pytest.raises(NotAcceptableError):
        chosen(FRAME_OFFERS, accept, star_means=OCTET_STREAM)


def test_the_highest_quality_wins() -> None:
    """RFC 9110 §12.4.2; retrieve §4.3."""
    accept = f"application/dicom; q=0.2, application/dicom; transfer-syntax={J2K}; q=0.9"
    assert chosen(INSTANCE_OFFERS, accept).transfer_syntax == J2K


def test_zero_quality_is_only_the_lowest_priority() -> None:
    """Service source: `q=0` does not exclude; retrieve §4.1."""
    assert chosen(INSTANCE_OFFERS, "application/dicom; q=0") == Choice(DICOM, False, LE)


def test_an_explicit_star_of_equal_quality_replaces_what_was_selected() -> None:
    """Service unit tests; retrieve §4.3 step 3."""
    lossless = f'multipart/related; type="image/jp2"; transfer-syntax={J2K}'
    assert chosen(FRAME_OFFERS, lossless, "application/octet-stream; transfer-syntax=*") == Choice(
        OCTET_STREAM, False, "*"
    )


def test_an_explicit_star_of_lower_quality_replaces_nothing() -> None:
    """Service unit tests; retrieve §4.3 step 3."""
    accept = "application/dicom, application/dicom; transfer-syntax=*; q=0.5"
    assert chosen(INSTANCE_OFFERS, accept).transfer_syntax == LE


def test_every_entry_of_a_line_that_starts_with_multipart_is_multipart() -> None:
    """Service source; retrieve §4.1."""
    accept = 'multipart/related; type="application/dicom"; transfer-syntax=1.2.3, application/dicom'
    assert chosen(STUDY_OFFERS, accept) == Choice(DICOM, True, LE)


def test_an_unquoted_type_behind_another_entry_is_single_part() -> None:
    """Service source: only the start of the header line decides; retrieve §4.1."""
    assert chosen(INSTANCE_OFFERS, "text/html, multipart/related; type=application/dicom") == Choice(DICOM, False, LE)


def test_the_refusal_says_what_was_asked_and_what_would_work() -> None:
    """The body is the service's own; the hint goes into a header and the log."""
    with pytest.raises(NotAcceptableError) as refusal:
        chosen(STUDY_OFFERS, "application/dicom")
    assert "none of [application/dicom] is offered" in refusal.value.hint
    assert 'multipart/related; type="application/dicom"; transfer-syntax=*' in refusal.value.hint
