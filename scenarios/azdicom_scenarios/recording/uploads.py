"""Uploads as fixtures: synthetic studies of the same shape, or the files themselves beside the scenario."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

from azdicom_proxy.cassette.bodies import content_of
from azdicom_proxy.cassette.model import Inline, Interaction
from azdicom_proxy.matching.bodies import parts_of
from azdicom_proxy.matching.digest import uids_of
from azdicom_scenarios.recording.drafts import Yaml
from azdicom_scenarios.synthetic.spec import DOCUMENTS, IMAGES

if TYPE_CHECKING:
    from pydicom import Dataset

DOCUMENT_OF = {"1.2.840.10008.5.1.4.1.1.104.1": "DOC"}
"""SOP class to synthetic modality, where DICOM's modality is another one."""


@dataclass(slots=True)
class Fixtures:
    """bodies: a step's `body` by interaction id; literals: original value to the variable that stands for it."""

    synthetic: list[Yaml] = field(default_factory=list)
    bodies: dict[str, Yaml] = field(default_factory=dict)
    literals: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class _Series:
    uid: str
    key: tuple[Any, ...]
    instances: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Study:
    first: "Dataset"
    series: dict[str, _Series] = field(default_factory=dict)


def as_files(interactions: Iterable[Interaction], folder: str) -> Fixtures:
    """Each uploaded instance as a file `folder/NNN.dcm`; equal ones are one file, and UIDs stay what they are."""
    fixtures = Fixtures()
    names: dict[bytes, str] = {}
    for interaction in interactions:
        parts = _dicom_parts(interaction)
        if not parts:
            continue
        for content in parts:
            names.setdefault(content, f"{folder}/{len(names) + 1:03d}.dcm")
        fixtures.bodies[interaction.id] = _body(interaction, [names[content] for content in parts])
    fixtures.files = {name: content for content, name in names.items()}
    fixtures.literals = {uid: uid for content in names for uid in uids_of(Inline(content))}
    return fixtures


def as_synthetic(interactions: Iterable[Interaction]) -> Fixtures | None:
    """Synthetic studies in place of the uploads; None where one of them has a shape that cannot be made."""
    studies: dict[str, _Study] = {}
    uploads: dict[str, list[str]] = {}
    bodies: dict[str, Interaction] = {}
    for interaction in interactions:
        parts = _dicom_parts(interaction)
        if not parts:
            continue
        bodies[interaction.id] = interaction
        uploads[interaction.id] = []
        for content in parts:
            instance = _placed(content, studies)
            if instance is None:
                return None
            uploads[interaction.id].append(instance)
    return _fixtures(studies, uploads, bodies)


def _placed(content: bytes, studies: dict[str, _Study]) -> str | None:
    """The SOP Instance UID of a file, now in its study and series; None: it cannot be made."""
    from pydicom import dcmread

    try:
        data_set = dcmread(BytesIO(content))
        key = _shape(data_set)
        study, series, instance = (
            str(data_set.StudyInstanceUID),
            str(data_set.SeriesInstanceUID),
            str(data_set.SOPInstanceUID),
        )
    except Exception:  # whatever pydicom raises: such an upload is a file
        return None
    if key is None:
        return None
    in_study = studies.setdefault(study, _Study(data_set))
    in_series = in_study.series.setdefault(series, _Series(series, key))
    if in_series.key != key:
        return None
    if instance not in in_series.instances:
        in_series.instances.append(instance)
    return instance


def _shape(data_set: "Dataset") -> tuple[Any, ...] | None:
    """Modality, rows, columns, frames, transfer syntax; None: no synthetic series is like that."""
    modality = DOCUMENT_OF.get(str(data_set.SOPClassUID), str(data_set.get("Modality", "")))
    if modality not in (*IMAGES, *DOCUMENTS):
        return None
    if modality in IMAGES and not ("Rows" in data_set and "Columns" in data_set):
        return None
    syntax = str(data_set.file_meta.TransferSyntaxUID)
    frames = int(data_set.get("NumberOfFrames", 1) or 1)
    return modality, data_set.get("Rows"), data_set.get("Columns"), frames, syntax


def _fixtures(
    studies: Mapping[str, _Study], uploads: Mapping[str, Sequence[str]], bodies: Mapping[str, Interaction]
) -> Fixtures:
    fixtures = Fixtures()
    instances: dict[str, tuple[str, int]] = {}
    counts: dict[str, int] = defaultdict(int)
    for number, (uid, study) in enumerate(studies.items(), 1):
        alias = f"study{number}"
        fixtures.literals[uid] = f"${{{alias}.study}}"
        for position, series in enumerate(study.series.values()):
            fixtures.literals[series.uid] = f"${{{alias}.s[{position}].series}}"
            for instance in series.instances:
                fixtures.literals[instance] = f"${{{alias}.i[{counts[alias]}].sop}}"
                instances[instance] = (alias, counts[alias])
                counts[alias] += 1
        fixtures.synthetic.append(_study_yaml(alias, study))
    for identifier, sent in uploads.items():
        places = [instances[instance] for instance in sent]
        aliases = {alias for alias, _ in places}
        if len(aliases) == 1 and len(places) == counts[alias := aliases.pop()]:
            sources = [alias]
        else:
            sources = [f"{alias}.i[{position}]" for alias, position in places]
        fixtures.bodies[identifier] = _body(bodies[identifier], sources)
    return fixtures


def _study_yaml(alias: str, study: _Study) -> Yaml:
    first = study.first
    made: Yaml = {"study": alias, "patient": _filled({"id": first.get("PatientID"), "name": first.get("PatientName")})}
    made |= _filled(
        {
            "date": first.get("StudyDate"),
            "accession": first.get("AccessionNumber"),
            "description": first.get("StudyDescription"),
        }
    )
    made["series"] = [_series_yaml(series) for series in study.series.values()]
    return made


def _series_yaml(series: _Series) -> Yaml:
    modality, rows, columns, frames, syntax = series.key
    made: Yaml = {"modality": modality, "instances": len(series.instances)}
    if rows:
        made |= {"rows": int(rows), "columns": int(columns)}
    if frames > 1:
        made["frames"] = frames
    return made | {"transfer_syntax": syntax}


def _filled(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value not in (None, "")}


def _body(interaction: Interaction, sources: Sequence[str]) -> Yaml:
    body: Yaml = {"dicom": list(sources)}
    content_type = next((value for name, value in interaction.request.headers if name.lower() == "content-type"), "")
    if content_type.startswith("application/dicom"):
        body["as"] = "single"
    return body


def _dicom_parts(interaction: Interaction) -> list[bytes]:
    """The DICOM files of a store; empty for anything else, and where one part is something else."""
    request = interaction.request
    if request.method not in ("POST", "PUT"):
        return []
    parts = parts_of(request.headers, request.body) or ()
    contents = [content_of(part.body) for part in parts]
    return contents if all(content[128:132] == b"DICM" for content in contents) else []
