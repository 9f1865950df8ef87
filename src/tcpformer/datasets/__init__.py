"""Where training and evaluation data come from: motion capture, virtual cameras, detector noise."""
