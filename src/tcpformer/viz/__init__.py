"""Pictures of a motion: over its video, and from any side in space."""
