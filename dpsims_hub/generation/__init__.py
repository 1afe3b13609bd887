"""Photos of many label maps, and generated data sets."""
