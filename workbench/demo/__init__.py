"""Embedded subjects and stimuli: everything a demonstration needs, without a network."""
