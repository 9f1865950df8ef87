"""Missing extras."""

import sys

from tcpformer.optional import missing_extra


def test_missing_extra_names_the_command() -> None:
    error = missing_extra("Plots", "matplotlib", "plot")
    assert str(error).startswith("Plots needs matplotlib: ")
    assert str(error).endswith("-m pip install 'tcpformer[plot]'")
    assert sys.executable in str(error)
