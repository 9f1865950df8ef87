"""From 2D motion to 3D motion: `Lifter` and its steps."""
