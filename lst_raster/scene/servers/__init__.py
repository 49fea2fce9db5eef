"""Files on web servers and in object stores: read in parts, fetched whole, written."""
