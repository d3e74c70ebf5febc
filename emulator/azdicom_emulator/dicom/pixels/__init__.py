"""Pixel data: frames of a file, transcoding, rendering. Pure functions of a path; all of them are CPU-bound or read files."""
