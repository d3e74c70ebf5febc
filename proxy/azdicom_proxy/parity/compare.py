"""Compares the two answers to one request, with an understanding of DICOM."""

from azdicom_proxy.cassette.bodies import content_of, header, media_type_of, size_of
from azdicom_proxy.cassette.layout import is_text
from azdicom_proxy.cassette.model import Empty, Inline, Omitted
from azdicom_proxy.parity.comparing import bodies, headers
from azdicom_proxy.parity.comparing.findings import Findings, Place
from azdicom_proxy.parity.comparing.terms import WORKITEM_IN_PATH, SideTerms, Terms, base_of, version_of
from azdicom_proxy.parity.identities import IdentityPairs
from azdicom_proxy.parity.model import Compared, Pair, Severity, Verdict

__all__ = ["IdentityPairs", "compare"]

CLOSE_PSNR_DB = 40.0
READ_BYTES = 1024 * 1024
STATUS = Place.of("status")


def compare(pair: Pair, *, identities: IdentityPairs | None = None, close_psnr_db: float = CLOSE_PSNR_DB) -> Compared:
    """All differences of the two answers; one cause is one fingerprint (route, `at`, `kind`, severity).

    identities: what was learned from earlier pairs. close_psnr_db: from here on two JPEG images are merely close.
    Reads bodies that are files; safe in a thread. Raises OSError where such a file is gone.
    """
    findings = Findings(_terms(pair, identities), close_psnr_db)
    if pair.upstream.status != pair.local.status:
        # What else differs is a consequence: an error says other things than a success.
        findings.report(
            Severity.BREAKING,
            STATUS,
            "value",
            f"status {pair.local.status} instead of {pair.upstream.status}",
            upstream=_status(pair.upstream.status, pair.upstream.body),
            local=_status(pair.local.status, pair.local.body),
        )
    else:
        findings.same()
        etags = identities.etags_of(pair.request.uri) if identities is not None else None
        headers.compare_headers(pair.upstream.headers, pair.local.headers, findings, known_etags=etags)
        bodies.compare_bodies(pair, findings)
    return Compared(
        pair=pair,
        verdict=_verdict(findings),
        differences=tuple(findings.differences),
        facts_upstream=findings.facts_upstream,
        facts_local=findings.facts_local,
        facts_same=findings.facts_same,
    )


def _terms(pair: Pair, identities: IdentityPairs | None) -> Terms:
    request = pair.request
    makes_workitems = _makes_workitems(pair)
    upstream = SideTerms(
        base_of(request.uri, header(request.headers, "host")),
        version_of(request.uri),
        identities.ids if identities is not None else {},
        makes_workitems,
    )
    local = SideTerms(
        base_of(pair.local_uri) if pair.local_uri else frozenset(),
        version_of(pair.local_uri or request.uri),
        {},
        makes_workitems,
    )
    return Terms(upstream, local)


def _makes_workitems(pair: Pair) -> bool:
    """Whether the service, not the client, named the new workitem."""
    if pair.request.method != "POST" or not pair.route.endswith("/workitems"):
        return False
    found = [WORKITEM_IN_PATH.search(header(each.headers, "location") or "") for each in (pair.upstream, pair.local)]
    body = pair.request.body
    is_readable = is_text(media_type_of(pair.request.headers)) and size_of(body) <= READ_BYTES
    sent = pair.request.uri + (content_of(body).decode("utf-8", "replace") if is_readable else "")
    return all(made is not None and made[2] not in sent for made in found)


def _status(status: int, body: object) -> str:
    """The code, and what a short text says about it."""
    if isinstance(body, Empty | Omitted) or not isinstance(body, Inline) or len(body.content) > 300:
        return str(status)
    try:
        return f"{status} {body.content.decode()}"
    except UnicodeDecodeError:
        return str(status)


def _verdict(findings: Findings) -> Verdict:
    severities = {each.severity for each in findings.differences}
    if Severity.BREAKING in severities:
        return Verdict.BREAKING
    return Verdict.MINOR if Severity.MINOR in severities else Verdict.SAME
