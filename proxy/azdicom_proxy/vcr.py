"""For users of VCR.py: read side files, write our layout, compare DICOM bodies (docs/cassettes.md)."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from azdicom_proxy.cassette.bodies import content_of
from azdicom_proxy.cassette.document import described_body, interaction_from_mapping
from azdicom_proxy.cassette.errors import CassetteError, CassetteMissingError, SideFileError
from azdicom_proxy.cassette.headers import headers_from_mapping, request_headers_to_mapping, response_headers_to_mapping
from azdicom_proxy.cassette.layout import LayoutOptions, lay_out
from azdicom_proxy.cassette.model import Cassette, Empty, Inline, Interaction, RecordedRequest
from azdicom_proxy.cassette.naming import renumbered
from azdicom_proxy.cassette.reading import load
from azdicom_proxy.cassette.side_files import SideFiles, bodies_folder, files_of, problem_of
from azdicom_proxy.cassette.writing import write_cassette
from azdicom_proxy.matching.bodies import body_value, explain
from azdicom_proxy.scrub.policy import Phi, ScrubPolicy
from azdicom_proxy.scrub.scrubber import Scrubber

__all__ = ["Persister", "dicom_matcher", "load_bodies", "persister"]

Response = dict[str, Any]


class VcrRequest(Protocol):
    """What VCR.py hands to matchers and persisters."""

    method: str
    uri: str
    headers: Any
    body: Any


def load_bodies(folder: str | Path) -> Callable[[Response], Response]:
    """A hook for `vcr.VCR(before_record_response=…)`, which VCR.py calls when it loads as well.

    folder: `NAME.bodies`. The hook raises SideFileError for a file that is missing or changed.
    """
    side_files = SideFiles(Path(folder))

    def fill(response: Response) -> Response:
        body = response.get("body")
        if not isinstance(body, dict) or "kind" not in body or body["kind"] == "omitted":
            return response
        described = described_body(body, side_files)
        for file in files_of(described):
            problem = problem_of(file)
            if problem is not None:
                raise SideFileError(side_files.folder, f"{body.get('interaction', 'an interaction')}: {problem}")
        return {**response, "body": {"string": content_of(described)}}

    return fill


def dicom_matcher(request: VcrRequest, recorded: VcrRequest) -> None:
    """A matcher for `register_matcher("dicom", …)`: bodies by data sets, JSON by value, the rest by bytes.

    Raises AssertionError with what differs, as VCR.py wants it. Bodies in side files need the persister.
    """
    ours, theirs = body_value(_recorded(request)), body_value(_recorded(recorded))
    if ours != theirs:
        raise AssertionError("; ".join(explain(ours, theirs)))


def persister(policy: ScrubPolicy | None = None, key: bytes = bytes(32), options: LayoutOptions | None = None) -> type:
    """A persister for `register_persister`: reads bodies from side files, writes our layout.

    Secrets are scrubbed from what it writes; policy, key: and data of patients, if so wanted.
    """
    chosen = policy or ScrubPolicy(phi=Phi.KEEP)

    class _Persister:
        @staticmethod
        def load_cassette(cassette_path: str | Path, serializer: Any) -> tuple[list[Any], list[Response]]:
            return _load(Path(cassette_path))

        @staticmethod
        def save_cassette(cassette_path: str | Path, cassette_dict: dict[str, Any], serializer: Any) -> None:
            interactions = map(_interaction, cassette_dict["requests"], cassette_dict["responses"])
            _save(Path(cassette_path), interactions, Scrubber(chosen, key), options or LayoutOptions())

    return _Persister


Persister = persister()
"""Scrubs secrets only."""


def _load(path: Path) -> tuple[list[Any], list[Response]]:
    from vcr.persisters.filesystem import CassetteNotFoundError
    from vcr.request import Request

    try:
        cassette = load(path, verify=True)
    except CassetteMissingError as error:
        raise CassetteNotFoundError(str(error)) from error
    if not cassette.interactions:
        raise CassetteNotFoundError(f"{path} is empty")
    requests = []
    responses = []
    for interaction in cassette.interactions:
        request, response = interaction.request, interaction.response
        body = None if isinstance(request.body, Empty) else content_of(request.body)
        headers = request_headers_to_mapping(request.headers)
        requests.append(Request(request.method, request.uri, body, headers))
        responses.append(
            {
                "status": {"code": response.status, "message": response.reason},
                "headers": response_headers_to_mapping(response.headers),
                "body": {"string": content_of(response.body)},
            }
        )
    return requests, responses


def _save(path: Path, interactions: Iterable[Interaction], scrubber: Scrubber, options: LayoutOptions) -> None:
    side_files = SideFiles(bodies_folder(path))
    written = []
    try:
        for interaction in interactions:
            scrubbed = scrubber.interaction(interaction)
            if scrubbed is not None:
                written.append(lay_out(scrubbed, side_files, options))
    finally:
        scrubber.close()
    previous = _previous(path)
    write_cassette(replace(previous, interactions=renumbered(written)), path)


def _previous(path: Path) -> Cassette:
    try:
        return load(path)
    except CassetteError:  # absent, or not readable: it is written anew
        return Cassette()


def _interaction(request: VcrRequest, response: Response) -> Interaction:
    mapping = {
        "request": {
            "method": request.method,
            "uri": request.uri,
            "headers": dict(request.headers),
            "body": request.body,
        },
        "response": response,
    }
    return interaction_from_mapping(mapping, 0, SideFiles(Path()))


def _recorded(request: VcrRequest) -> RecordedRequest:
    headers = headers_from_mapping(dict(request.headers))
    body = request.body
    if body is None:
        return RecordedRequest(request.method, request.uri, headers)
    if hasattr(body, "read"):
        body = body.read()
    content = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else b"".join(body)
    return RecordedRequest(request.method, request.uri, headers, Inline(content) if content else Empty())
