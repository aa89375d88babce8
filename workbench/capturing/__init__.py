"""Capture: from a subject and its stimuli to a recording on disk."""
