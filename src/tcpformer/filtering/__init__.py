"""Filters over time, resampling, and filling of gaps."""
