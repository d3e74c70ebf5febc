"""The numbers that a store response gives as failure and warning reasons (store §10)."""

from enum import IntEnum


class FailureReason(IntEnum):
    """(0008,1197) of an item of (0008,1198)."""

    PROCESSING = 272  # PS3.18 Table 10.5.3-2, 0110H: an unexpected error
    VALIDATION = 43264  # PS3.18 Table 10.5.3-2, A9xx; service source: study mismatch as well
    STUDY_MISMATCH = 43265  # conformance statement v2, Store; the service source gives 43264 instead
    ALREADY_EXISTS = 45070  # conformance statement v2, Store
    PENDING = 45071  # conformance statement v2, Store: another request is storing it


class WarningReason(IntEnum):
    """(0008,1196) of an item of (0008,1199)."""

    VALIDATION = 1  # conformance statement v2, Store: attributes were dropped from metadata and index
    DATASET_DOES_NOT_MATCH_SOP_CLASS = 45063  # PS3.18 Table 10.5.3-3, B007H; service source: implicit VR
