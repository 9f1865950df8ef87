"""Scores weights by the protocols of the field: one file a protocol, one form of report."""
