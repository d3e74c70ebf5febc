"""The service's own APIs beside DICOMweb: change feed, extended query tags, operations, partitions, tokens, health."""
