"""Expectations of the model from their records."""

from typing import Any

from azdicom_scenarios.loading import matchers
from azdicom_scenarios.loading.records import Record
from azdicom_scenarios.loading.scalars import SIZE
from azdicom_scenarios.model import (
    BodyExpectation,
    DicomExpectation,
    Expect,
    FramesExpectation,
    ImageExpectation,
    PartExpectation,
    PartsExpectation,
    PsnrExpectation,
    Text,
)


def expect(record: Record | None) -> Expect | None:
    if record is None:
        return None
    return Expect(
        mark=record.mark,
        status=tuple(record.many("status")),
        headers=tuple(record.many("headers")),
        json=tuple(record.many("json")),
        dicom=_dicom(record.get("dicom")),
        parts=_parts(record.get("parts")),
        image=_image(record.get("image")),
        body=_body(record.get("body")),
        same_as=record.get("same_as"),
        max_time_s=record.get("max_time"),
        snapshot=record.get("snapshot"),
        is_parity=record.get("parity") is not None,
    )


def _dicom(record: Record | None) -> DicomExpectation | None:
    if record is None:
        return None
    item = record.get("item")
    where = () if item is None else tuple(item.many("where"))
    return DicomExpectation(mark=record.mark, where=where, attributes=tuple(record.others))


def _body(written: Any) -> BodyExpectation | None:
    match written:
        case None:
            return None
        case Text():
            return BodyExpectation(mark=written.mark, text=matchers.equals(written.mark, str(written)))
        case _:
            return BodyExpectation(
                mark=written.mark,
                sha256=written.get("sha256"),
                text=matchers.of_record(written) if matchers.has_any(written) else None,
                is_empty=written.get("empty"),
            )


def _parts(record: Record | None) -> PartsExpectation | None:
    if record is None:
        return None
    each = record.get("each")
    return PartsExpectation(
        mark=record.mark,
        count=record.get("count"),
        each=None if each is None else _part(each),
        items=tuple(_part(item) for item in record.many("items")),
        frames=_frames(record.get("frames")),
    )


def _part(record: Record) -> PartExpectation:
    return PartExpectation(
        mark=record.mark,
        headers=tuple(record.many("headers")),
        dicom=_dicom(record.get("dicom")),
        body=_body(record.get("body")),
    )


def _frames(written: Any) -> FramesExpectation | None:
    match written:
        case None:
            return None
        case Text():
            return FramesExpectation(mark=written.mark, of=written)
        case _:
            return FramesExpectation(mark=written.mark, of=written.get("of"), numbers=tuple(written.many("numbers")))


def _image(record: Record | None) -> ImageExpectation | None:
    if record is None:
        return None
    size, psnr = SIZE.fullmatch(record.text("size")), record.get("psnr")
    return ImageExpectation(
        mark=record.mark,
        width=int(size[1]) if size else None,
        height=int(size[2]) if size else None,
        psnr=None if psnr is None else PsnrExpectation(mark=psnr.mark, to=psnr.get("to"), minimum_db=psnr.get("min")),
    )
