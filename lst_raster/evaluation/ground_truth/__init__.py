"""Retrievals beside temperatures measured on the ground: tables of match-ups, stations, statistics."""
