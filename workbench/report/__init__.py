"""Reports: one self-contained HTML file from results, and the fragment that a notebook shows."""
