"""Lists of scenes: folders, patterns, tables, STAC items and searches."""
