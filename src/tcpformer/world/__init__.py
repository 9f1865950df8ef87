"""Camera, gravity, floor, scale and the root trajectory."""
