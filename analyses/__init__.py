"""Analyses of recordings: one folder each, found by the workbench through entry points."""
