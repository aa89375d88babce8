"""Recorded brains, in the formats that they lie in."""
