"""Generated data sets: which maps, which seeds, which files."""
