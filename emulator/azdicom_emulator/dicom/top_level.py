"""The top level of a data set, by tag."""

from azdicom_emulator.dicom.charset import decode_ascii
from azdicom_emulator.dicom.elements import TEXT_VRS, DataSet, Element
from azdicom_emulator.dicom.text import character_set_of, decoder_of, needs_character_set, values_of


class TopLevel:
    """Looks up elements of a data set, and the texts in them."""

    __slots__ = ("character_set", "elements")

    def __init__(self, data_set: DataSet) -> None:
        self.elements: dict[int, Element] = {element[0].tag: element for element in data_set}
        self.character_set = character_set_of(data_set, "")

    def texts(self, tag: int) -> list[str]:
        """The values of a text attribute; none when it is absent, empty or of a VR that is not text."""
        element = self.elements.get(tag)
        if element is None:
            return []
        attribute, raw = element
        vr = attribute.vr
        if type(raw) is not bytes or vr not in TEXT_VRS:
            return []
        decode = decoder_of(vr, self.character_set) if needs_character_set(vr, raw) else decode_ascii
        return values_of(vr, raw, decode)
