"""Where the tests find the repository, their data and the golden arrays."""

from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
DATA = TESTS / "data"
GOLDEN = TESTS / "golden"
EXCERPT = DATA / "open_benchmark_excerpt.npz"
SAMPLE = ROOT / "assets" / "sample.mp4"
SHARED = ROOT.parent / "shared"
CASES = SHARED / "cases"
"""Inputs that failed in an earlier version; not part of the repository."""
TRUST = CASES / "trust"
"""Inputs that broke an earlier version; not part of the repository."""
