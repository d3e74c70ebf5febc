"""DICOM files: their data sets scrubbed by the attribute table and a project's rules."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from azdicom_proxy.cassette.sources import Source
from azdicom_proxy.dicom_files import (
    UNDEFINED_LENGTH,
    OpenedFile,
    RewrittenFile,
    lenient,
    open_file,
    pixel_element,
    rewritten,
)
from azdicom_proxy.scrub.attributes import AttributeScrubber, vr_of
from azdicom_proxy.scrub.confidentiality import Action
from azdicom_proxy.scrub.policy import CODES, Option

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.dataelem import DataElement

METHOD = "azdicom: DICOM PS3.15 Annex E Basic Profile"
"""(0012,0063) of what was scrubbed here: such a data set is not scrubbed again."""
SYNTHETIC_IMPLEMENTATION_CLASS_UID = "2.25.150671246311838422337459731270842113197"
"""(0002,0012) of files that were generated, not acquired."""

_IDENTIFIERS = frozenset((0x00080050, 0x00100020))
"""Accession Number, Patient ID."""
_TEXT_VRS = frozenset(
    ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT")
)
_CLEANED_VRS = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"))
_INTEGER_VRS = frozenset(("SL", "SS", "SV", "UL", "US", "UV"))
_MAYBE_BURNED_IN = frozenset(("US", "SC", "ES", "XC"))
_PIXEL_DATA = (0x7FE00008, 0x7FE00009, 0x7FE00010)
REFUSED_ENCAPSULATED = "clean-pixel-data blanks native pixel data; these are encapsulated"
_DOCUMENT_STUBS = {
    "1.2.840.10008.5.1.4.1.1.104.1": b"%PDF-1.4\n% removed\n%%EOF\n",
    "1.2.840.10008.5.1.4.1.1.104.2": b"<ClinicalDocument xmlns='urn:hl7-org:v3'/>\n",
}


class RefusedError(Exception):
    """The policy forbids to record this; the text says why."""


@dataclass(frozen=True, slots=True)
class ScrubbedFile:
    """file: None when nothing is to be changed. instance: the SOP Instance UID afterwards."""

    file: RewrittenFile | None
    instance: str
    warning: str | None = None


class DataSetScrubber:
    """Scrubs DICOM files."""

    def __init__(self, attributes: AttributeScrubber) -> None:
        self._attributes = attributes

    def file(self, source: Source) -> ScrubbedFile:
        """The scrubbed file. Raises UnreadableError; RefusedError where pixel data cannot be cleaned."""
        with lenient():
            opened = open_file(source)
            data_set = opened.data_set
            if data_set.get("DeidentificationMethod") == METHOD:
                return ScrubbedFile(None, opened.instance)
            warning = _warning(data_set)
            self.scrub(data_set)
            if self._attributes.policy.scrubs_phi:
                self._mark(data_set)
            if self._attributes.policy.blanks_pixels:
                _blank_held(data_set)
            file = rewritten(opened)
            if self._attributes.policy.blanks_pixels and file.pixels[0] < file.pixels[1]:
                file = _blanked(file, opened)
            return ScrubbedFile(file, opened.instance, warning)

    def scrub(self, data_set: "Dataset") -> None:
        """Scrubs `data_set`, its items and its file meta information in place."""
        meta = getattr(data_set, "file_meta", None)
        if meta is not None:
            self._items(meta)
            for keyword in ("SourceApplicationEntityTitle", "PrivateInformation", "PrivateInformationCreatorUID"):
                if self._attributes.policy.scrubs_phi and keyword in meta:
                    del meta[keyword]
        if getattr(data_set, "preamble", None):
            data_set.preamble = bytes(128)
        self._learn_identifiers(data_set)
        stub = _DOCUMENT_STUBS.get(str(data_set.get("SOPClassUID", "")))
        self._items(data_set)
        if stub and self._attributes.policy.scrubs_phi and "EncapsulatedDocument" in data_set:
            data_set.EncapsulatedDocument = stub + b"\0" * (len(stub) % 2)
            if "EncapsulatedDocumentLength" in data_set:
                data_set.EncapsulatedDocumentLength = len(stub)

    def _learn_identifiers(self, data_set: "Dataset") -> None:
        """Replaces names and ids once in advance: descriptions that hold them come before them."""
        for tag in list(data_set.keys()):
            vr = "PN" if data_set.get_item(tag).VR == "PN" else vr_of(int(tag))
            if vr == "PN" or int(tag) in _IDENTIFIERS:
                action = self._attributes.action(int(tag), vr)
                if action not in (Action.KEEP, Action.REMOVE):
                    self._attributes.values(action, int(tag), vr, [str(data_set[tag].value or "")])

    def _items(self, data_set: "Dataset") -> None:
        kept_private = self._safe_private(data_set) if self._attributes.retains_safe_private else frozenset()
        for tag in list(data_set.keys()):
            if tag.is_private:
                block = (tag.group, tag.element if tag.element <= 0xFF else tag.element >> 8)
                if self._attributes.policy.scrubs_phi and block not in kept_private:
                    del data_set[tag]
                continue
            self._element(data_set, tag)

    def _element(self, data_set: "Dataset", tag: Any) -> None:
        written = data_set.get_item(tag)
        assert written is not None
        vr = written.VR if written.VR and written.VR != "UN" else vr_of(int(tag))
        action = self._attributes.action(int(tag), vr)
        if action is Action.REMOVE:
            del data_set[tag]
        elif vr == "SQ":
            if action is Action.ZERO:
                data_set[tag].value = []
            for item in data_set[tag].value or ():
                self._items(item)
        elif action is not Action.KEEP or vr in _CLEANED_VRS:
            self._replace(data_set[tag], action, vr)

    def _replace(self, element: "DataElement", action: Action, vr: str) -> None:
        value = element.value
        if value is None or value == "" or value == b"":
            return
        if vr in _TEXT_VRS:
            is_multiple = isinstance(value, Iterable) and not isinstance(value, str | bytes) and element.VM > 1
            texts = [str(item) for item in value] if is_multiple else [str(value)]
            replaced = self._attributes.values(action, int(element.tag), vr, texts)
            if replaced != texts:
                element.value = replaced if len(replaced) > 1 else "".join(replaced)
        elif action is Action.CLEAN:
            element.value = bytes(len(value)) if isinstance(value, bytes) else value
        elif isinstance(value, bytes):
            element.value = b"" if action is Action.ZERO else bytes(len(value))
        elif vr in _INTEGER_VRS or vr in ("FL", "FD"):
            element.value = [0] * element.VM if element.VM > 1 else 0

    def _safe_private(self, data_set: "Dataset") -> frozenset[tuple[int, int]]:
        """Group and block of private elements that their writer declares safe (PS3.3 §C.12.1.1.7)."""
        safe = set()
        for item in data_set.get("PrivateDataElementCharacteristicsSequence") or ():
            if item.get("BlockIdentifyingInformationStatus") != "SAFE":
                continue
            group, creator = item.get("PrivateGroupReference"), item.get("PrivateCreatorReference")
            for block in range(0x10, 0x100):
                element = data_set.get((group, block)) if group is not None else None
                if element is not None and element.value == creator:
                    safe.add((int(group), block))
        return frozenset(safe)

    def _mark(self, data_set: "Dataset") -> None:
        """Says in the data set that and how it was de-identified (PS3.15 §E.1.1)."""
        from pydicom import Dataset

        options = self._attributes.policy.options
        codes = [("113100", "Basic Application Confidentiality Profile")]
        codes += [CODES[option] for option in sorted(options)]
        items = []
        for code, meaning in sorted(codes):
            item = Dataset()
            item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", meaning
            items.append(item)
        data_set.PatientIdentityRemoved = "YES"
        data_set.DeidentificationMethod = METHOD
        data_set.DeidentificationMethodCodeSequence = items
        data_set.LongitudinalTemporalInformationModified = _temporal(options)


def is_synthetic(source: Source) -> bool:
    """Whether the file says that it was generated. Raises UnreadableError."""
    meta = getattr(open_file(source).data_set, "file_meta", None)
    return meta is not None and str(meta.get("ImplementationClassUID", "")) == SYNTHETIC_IMPLEMENTATION_CLASS_UID


def _blank_held(data_set: "Dataset") -> None:
    """Zeros for pixel data that were read with the data set: those of a deflated file."""
    for tag in _PIXEL_DATA:
        if tag in data_set:
            if data_set[tag].is_undefined_length:
                raise RefusedError(REFUSED_ENCAPSULATED)
            data_set[tag].value = bytes(len(data_set[tag].value))


def _blanked(file: RewrittenFile, opened: OpenedFile) -> RewrittenFile:
    """The header of native pixel data and zeros as their value, and nothing of the source behind it."""
    position, end = opened.pixels
    _, start, length = pixel_element(opened.source, position, opened.transfer_syntax_uid)
    if length == UNDEFINED_LENGTH:
        raise RefusedError(REFUSED_ENCAPSULATED)
    return replace(file, pixels=(position, start), blank_bytes=min(length, end - start))


def _temporal(options: frozenset[Option]) -> str:
    if Option.RETAIN_FULL_DATES in options:
        return "UNMODIFIED"
    return "MODIFIED" if Option.RETAIN_MODIFIED_DATES in options else "REMOVED"


def _warning(data_set: "Dataset") -> str | None:
    burned_in, modality = data_set.get("BurnedInAnnotation"), data_set.get("Modality")
    if burned_in == "YES" or (burned_in is None and modality in _MAYBE_BURNED_IN):
        stated = "says YES" if burned_in == "YES" else "is absent"
        return f"BurnedInAnnotation {stated} (modality {modality}): pixel data are kept and may show names"
    return None
