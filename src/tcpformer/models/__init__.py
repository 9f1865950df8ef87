"""Networks, one file each; they know tensors and nothing else of the package."""
