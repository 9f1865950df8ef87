"""Checks of a data set for common mistakes."""
