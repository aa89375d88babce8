"""Pages, one a file; each is a function without science in it."""
