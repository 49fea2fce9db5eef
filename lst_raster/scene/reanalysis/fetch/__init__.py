"""Getting reanalysis from its servers: the only room that asks them, and only when the user does."""
