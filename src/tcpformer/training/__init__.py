"""Training: configuration, data, optimizers, the loop, and calibration."""
