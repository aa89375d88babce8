"""Supervised read-outs from recordings; none is read without its control."""
