"""Where and how a network runs: devices, precision, other runtimes and their files."""
