"""Parity: whether two services answer the same request alike, compared with an understanding of DICOM."""
