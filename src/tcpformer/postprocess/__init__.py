"""Steps that clean 2D keypoints before lifting and finish 3D motion after it."""
