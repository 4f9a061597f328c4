"""Whether a fit can be believed, and what simpler analyses would have said."""
