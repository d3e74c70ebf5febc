"""How extended query tags index, as the settings decide (azure-apis §1.9)."""

from azdicom_emulator.dicom.tag_values import TagRules
from azdicom_emulator.settings import Settings


def tag_rules(settings: Settings) -> TagRules:
    return TagRules(
        absent_numeric_is_zero=settings.quirk("tags.absent_numeric_is_zero") == "yes",
        has_private_tags=settings.quirk("tags.private_tags") == "supported",
    )
