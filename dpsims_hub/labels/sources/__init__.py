"""Where pairs come from: folders, tables, streams, shards."""
