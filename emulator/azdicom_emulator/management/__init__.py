"""The service's own APIs beside DICOMweb: change feed, health."""
