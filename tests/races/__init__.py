"""Races: what must not happen at the same moment, let go at the same moment, again and again."""
