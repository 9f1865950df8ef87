"""Packages that only some work needs: the extras of the installation."""

import shlex
import sys


def missing_extra(work: str, module: str, extra: str) -> ImportError:
    """What is raised where one is not installed: it says what to type.

    Args:
        work: What needs it; begins the sentence.
        module: What is missing.
        extra: The extra that brings it.
    """
    line = f"{shlex.quote(sys.executable)} -m pip install 'tcpformer[{extra}]'"
    return ImportError(f"{work} needs {module}: {line}")
