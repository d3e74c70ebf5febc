"""The data sets of an answer as DICOM JSON, and the values of attributes in them (PS3.18 Annex F)."""

import json
import re
from collections.abc import Mapping
from typing import Any

from azdicom_emulator.dicom.tag_values import sequence_delimited  # placeholder
