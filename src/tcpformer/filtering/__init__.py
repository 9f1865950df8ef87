"""Filters over time, resampling and gap filling; plain arrays and 2D motion."""
