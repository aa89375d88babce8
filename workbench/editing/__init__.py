"""Editing activity while a subject runs, and scoring what it then does."""
