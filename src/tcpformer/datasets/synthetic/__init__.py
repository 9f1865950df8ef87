"""Synthetic clips from motion capture: augmentation, virtual cameras, detector errors.

Two camera domains: `benchmark_like` (fixed cameras and the noise of the open benchmark) and
`as_filmed` (cameras as people hold them, errors fitted to the packaged detector).
"""
