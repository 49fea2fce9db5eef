"""The accuracy benchmark: every stated accuracy measured again."""
