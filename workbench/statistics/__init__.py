"""Statistics that every analysis shares: nulls, intervals, corrections, balanced sub-samples."""
