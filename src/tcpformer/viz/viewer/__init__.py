"""The viewer: one HTML file with the motion, the video and everything that draws them."""
