"""Released checkpoints of other code bases: one file, and one table of names, a family."""
