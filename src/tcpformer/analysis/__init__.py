"""Measures of motion: errors against ground truth, and quality without it."""
