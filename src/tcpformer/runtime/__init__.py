"""Where a network runs: devices, precision, exported files and fused kernels."""
