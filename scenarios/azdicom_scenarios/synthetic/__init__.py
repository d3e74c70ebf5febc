"""Studies made from a description: valid instances with pictures worth looking at, the same bytes for the same seed."""
