"""Synthetic studies: what is promised of them, read back by pydicom and shown by the server."""

import subprocess
import sys
import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from pydicom.encaps import generate_frames

from azdicom_scenarios.synthetic.build import BuiltStudy, build
from azdicom_scenarios.synthetic.spec import TRANSFER_SYNTAXES, PatientSpec, SeriesSpec, SpecError, StudySpec
from tests.support.client import Emulator

LOSSLESS = ("explicit-le", "implicit-le", "explicit-be", "deflated", "rle", "jpeg-ls", "jpeg-2000-lossless")
KINDS = [
    SeriesSpec(modality="CT"),
    SeriesSpec(modality="MR"),
    SeriesSpec(modality="US"),
    SeriesSpec(modality="US", frames=3),
    SeriesSpec(modality="CR"),
    SeriesSpec(modality="OT", pixels="grid"),
    SeriesSpec(modality="OT", colour=True),
    SeriesSpec(modality="OT", frames=2),
    SeriesSpec(modality="OT", frames=2, colour=True),
    SeriesSpec(modality="SM", frames=4),
    SeriesSpec(modality="SM", frames=6, colour=False),
    SeriesSpec(modality="SEG", frames=2),
    SeriesSpec(modality="SR"),
    SeriesSpec(modality="DOC"),
]


def _name(series: SeriesSpec) -> str:
    colour = "-colour" if series.is_colour else ""
    return f"{series.modality}{'-multi-frame' if series.frames > 1 else ''}{colour}"


def a_study(*series: SeriesSpec, seed: int = 1, alias: str = "ct1", salt: str = "", **values: Any) -> BuiltStudy:
    return build(StudySpec(alias=alias, series=series or (SeriesSpec(),), **values), seed, "a scenario", salt)


def test_the_same_arguments_give_the_same_bytes() -> None:
    """record-replay §12: two runs send identical bytes."""
    first, second = a_study(*KINDS), a_study(*KINDS)

    assert [bytes(each) for each in first.i] == [bytes(each) for each in second.i]


@pytest.mark.parametrize(
    "other",
    [{"seed": 2}, {"alias": "ct2"}, {"salt": "run-2"}],
    ids=["seed", "alias", "salt"],
)
def test_other_arguments_give_other_uids(other: dict[str, Any]) -> None:
    """record-replay §12, §13.1: UIDs come from seed, scenario and alias, and on shared targets from the run."""
    study, another = a_study(), a_study(**other)

    assert {study.study, study.s[0].series, study.i[0].sop}.isdisjoint(
        {another.study, another.s[0].series, another.i[0].sop}
    )


def test_uids_are_valid_ones_below_2_25() -> None:
    """PS3.5 §B.2: `2.25.` and a decimal number without leading zeros, at most 64 characters."""
    study = a_study(SeriesSpec(instances=3), SeriesSpec(modality="SR"))
    uids = [study.study, *(series.series for series in study.s), *(instance.sop for instance in study.i)]

    assert all(uid.startswith("2.25.") and uid[5:].isdigit() and uid[5] != "0" and len(uid) <= 64 for uid in uids)
    assert len(set(uids)) == len(uids)


def test_instances_are_counted_through_all_series() -> None:
    """record-replay §12: `ct1.i[n]`, `ct1.s[n].series`, `ct1.i[n].path`."""
    study = a_study(SeriesSpec(instances=2), SeriesSpec(modality="MR"))

    assert [instance.series for instance in study.i] == [study.s[0].series] * 2 + [study.s[1].series]
    assert study.i[2].path == f"/studies/{study.study}/series/{study.s[1].series}/instances/{study.i[2].sop}"


def test_a_data_set_says_what_the_specification_does() -> None:
    """record-replay §12: patient, date and series of a synthetic study."""
    patient = PatientSpec(id="P-1", name="Doe^Jane", birth_date="19800131", sex="F")
    dataset = a_study(patient=patient, date="20240229", accession="A-1").i[0].dataset

    assert (dataset.PatientID, dataset.PatientName, dataset.PatientBirthDate, dataset.PatientSex) == (
        "P-1",
        "Doe^Jane",
        "19800131",
        "F",
    )
    assert (dataset.StudyDate, dataset.AccessionNumber, dataset.Modality) == ("20240229", "A-1", "CT")


@pytest.mark.parametrize("series", KINDS, ids=_name)
def test_every_kind_stores_without_a_warning(shared_emulator: Emulator, series: SeriesSpec) -> None:
    """store §10: 200 means that no attribute was complained about."""
    study = a_study(series, alias=_name(series))

    answer = shared_emulator.store_response(bytes(study.i[0]))

    assert answer.status == 200, answer.text


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
@pytest.mark.parametrize("modality", ["US", "CR"], ids=["colour", "grey"])
def test_every_transfer_syntax_decodes_to_the_picture(syntax: str, modality: str) -> None:
    """PS3.5 Annex A: lossless ones to the very pixels, others close to them."""
    eight_bits = syntax == "jpeg-baseline"
    plain = a_study(SeriesSpec(modality=modality, rows=50, columns=70)).i[0].dataset.pixel_array.astype(float)
    dataset = a_study(SeriesSpec(modality=modality, rows=50, columns=70, transfer_syntax=syntax)).i[0].dataset

    decoded = dataset.pixel_array.astype(float) * (4095 / 255 if eight_bits and modality == "CR" else 1)

    assert dataset.file_meta.TransferSyntaxUID == TRANSFER_SYNTAXES[syntax]
    largest = 255 if modality == "US" else 4095
    assert np.abs(decoded - plain).mean() <= (0 if syntax in LOSSLESS else largest * 0.05)


def test_lossy_compression_is_declared() -> None:
    """PS3.3 §C.7.6.1.1.5."""
    dataset = a_study(SeriesSpec(modality="US", transfer_syntax="jpeg-baseline")).i[0].dataset

    assert dataset.LossyImageCompression == "01"
    assert dataset.LossyImageCompressionMethod == "ISO_10918_1"
    assert float(dataset.LossyImageCompressionRatio) > 1


def test_frames_of_a_loop_differ() -> None:
    """A loop in which all frames are the same would hide a frame that was mixed up."""
    dataset = a_study(SeriesSpec(modality="US", frames=4, transfer_syntax="rle")).i[0].dataset
    frames = list(generate_frames(dataset.PixelData, number_of_frames=4))

    assert all(first != second for first, second in pairwise(frames))


def test_slices_of_a_stack_differ_in_picture_and_position() -> None:
    """PS3.3 §C.7.6.2: ImagePositionPatient orders the stack."""
    slices = [instance.dataset for instance in a_study(SeriesSpec(instances=3)).i]

    assert [float(each.ImagePositionPatient[2]) for each in slices] == [0, 5, 10]
    assert len({each.PixelData for each in slices}) == 3


def test_tiles_fill_the_slide() -> None:
    """PS3.3 §C.8.12.14: tiles × their size is the total pixel matrix."""
    dataset = a_study(SeriesSpec(modality="SM", frames=6, rows=32, columns=48)).i[0].dataset

    assert dataset.TotalPixelMatrixColumns * dataset.TotalPixelMatrixRows == 6 * 32 * 48
    assert dataset.pixel_array.shape == (6, 32, 48, 3)


def test_a_segmentation_refers_to_the_images_of_its_study() -> None:
    """PS3.3 §A.51: what was segmented."""
    study = a_study(SeriesSpec(instances=2), SeriesSpec(modality="SEG", frames=2))
    dataset = study.s[1].i[0].dataset
    referenced = dataset.ReferencedSeriesSequence[0]

    assert referenced.SeriesInstanceUID == study.s[0].series
    assert [item.ReferencedSOPInstanceUID for item in referenced.ReferencedInstanceSequence] == [
        instance.sop for instance in study.s[0].i
    ]
    assert set(np.unique(dataset.pixel_array)) == {0, 1}


def test_an_encapsulated_pdf_is_one() -> None:
    """ISO 32000-1 §7.5: header, cross-reference table where startxref says, end marker."""
    dataset = a_study(SeriesSpec(modality="DOC")).i[0].dataset
    document = dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength]
    start = int(document.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])

    assert document.startswith(b"%PDF-1.4\n")
    assert document.endswith(b"%%EOF\n")
    assert document[start:].startswith(b"xref\n0 7\n")
    for line in document[start:].split(b"\n")[3:9]:
        assert document[int(line[:10]) :].split(b" obj")[0].endswith(b" 0")


def test_attributes_are_set_in_the_end_valid_or_not() -> None:
    """record-replay §12: `attributes` of a series."""
    series = SeriesSpec(attributes={"BodyPartExamined": "head", "KVP": "", "StudyDate": "someday"})
    dataset = a_study(series).i[0].dataset

    assert (dataset.BodyPartExamined, dataset.KVP, dataset.get_item("StudyDate").value) == ("head", None, b"someday ")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"modality": "XX"}, "modality: 'XX' is not one of CT, MR"),
        ({"transfer_syntax": "jpeg"}, "transfer_syntax: 'jpeg' is not one of explicit-le"),
        ({"pixels": "noise"}, "pixels: 'noise' is not one of phantom"),
        ({"rows": 0}, "rows: 0 is not within 1 and 4096"),
        ({"frames": 1000, "rows": 4096, "columns": 4096}, "more than"),
        ({"modality": "SR", "transfer_syntax": "rle"}, "SR has none"),
        ({"modality": "SEG", "transfer_syntax": "rle"}, "single bits"),
        ({"modality": "CT", "transfer_syntax": "jpeg-baseline"}, "holds 8 bits"),
        ({"modality": "CT", "colour": True}, "greyscale"),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_what_cannot_be_built_is_refused_with_a_reason(values: dict[str, Any], text: str) -> None:
    """A mistake in a scenario is named before anything is sent."""
    with pytest.raises(SpecError, match=text):
        SeriesSpec(**values)


def test_a_specification_loads_without_the_libraries_of_pictures() -> None:
    """Lint and help read specifications and must not pay for numpy, Pillow and pydicom."""
    code = (
        "import sys; from azdicom_scenarios.synthetic import spec, build;"
        "print(sorted({'numpy', 'PIL', 'pydicom'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_a_small_ct_is_built_in_a_few_milliseconds() -> None:
    """Scenarios build their studies at every run. The bound is ten times what an idle machine needs."""
    study = a_study(SeriesSpec(instances=12))
    bytes(study.i[0])
    started = time.perf_counter()

    for instance in study.i[1:]:
        bytes(instance)

    assert (time.perf_counter() - started) / 11 < 0.05
