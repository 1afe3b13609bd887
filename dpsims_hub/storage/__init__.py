"""Files: written atomically, fetched from the Hub, checked before their content is used."""
