"""Pixel data: frames of a file, transcoding and rendering, as functions of a path that belong into a worker."""
