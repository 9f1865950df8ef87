"""Synthetic training clips: virtual cameras, detector errors, augmentation."""
