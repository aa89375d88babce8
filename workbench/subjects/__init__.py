"""Subjects: whatever turns stimuli into activity, opened by a short address."""
