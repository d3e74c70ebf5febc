"""Pure functions over DICOM: bytes and data sets in, values out. No HTTP, no SQL, no clock."""
