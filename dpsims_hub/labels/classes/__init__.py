"""Class lists: names, ids, colours, palettes, and how files store the ids."""
