"""Recordings: the format on disk, how it is committed and how it is read."""
