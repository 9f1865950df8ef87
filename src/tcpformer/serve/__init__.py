"""Live use: frames in, people in 3D out, with a stated delay."""
