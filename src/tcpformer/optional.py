"""Optional dependencies: the extras of the installation."""

import shlex
import sys


def missing_extra(work: str, module: str, extra: str) -> ImportError:
    """Return the error for a missing module; it contains the command that installs it.

    Args:
        work: What needs the module; begins the sentence.
        module: The missing module.
        extra: The extra that installs it.
    """
    command = f"{shlex.quote(sys.executable)} -m pip install 'tcpformer[{extra}]'"
    return ImportError(f"{work} needs {module}: {command}")
