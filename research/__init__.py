"""Research beside the package: ablations, comparisons, attention maps, weight surgery."""
