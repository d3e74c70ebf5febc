"""What is stored: the DuckDB index with its one writer, and the DICOM files."""
