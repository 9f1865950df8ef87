"""From detections in frames to people over time."""
