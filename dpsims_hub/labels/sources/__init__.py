"""Data sources of pairs: folders, tables, streams, shards."""
