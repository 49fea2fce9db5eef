"""The benchmark: the project's claims, measured again from the library and from held-out sets."""
