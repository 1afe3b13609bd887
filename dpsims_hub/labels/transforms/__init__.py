"""Transforms of photo, label map and object numbers together."""
