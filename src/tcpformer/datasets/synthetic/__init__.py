"""Synthetic clips from motion capture, of two camera domains: `benchmark_like`, `as_filmed`."""
