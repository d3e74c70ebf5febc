"""The attributes of every kind of instance (PS3.3 Annex A); pixels and documents are added elsewhere."""

from collections.abc import Callable

from azdicom_scenarios.synthetic.documents import document, report
from azdicom_scenarios.synthetic.images import capture, cr, ct, mr, multi_frame_capture, us
from azdicom_scenarios.synthetic.kinds import Attributes, Place, kind_of
from azdicom_scenarios.synthetic.segmentations import segmentation
from azdicom_scenarios.synthetic.slides import slide

_KINDS: dict[str, Callable[[Place], Attributes]] = {
    "CT": ct,
    "MR": mr,
    "US": us,
    "US multi-frame": us,
    "CR": cr,
    "OT": capture,
    "multi-frame byte": multi_frame_capture,
    "multi-frame word": multi_frame_capture,
    "multi-frame colour": multi_frame_capture,
    "SM": slide,
    "SEG": segmentation,
    "SR": report,
    "DOC": document,
}


def attributes_of(place: Place) -> Attributes:
    """What is particular to the kind of instance, patient, study and series apart."""
    return _KINDS[kind_of(place.series)](place)
