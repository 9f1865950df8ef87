"""The names that `import tcpformer` gives."""

import subprocess
import sys

import pytest

import tcpformer


@pytest.mark.parametrize("name", tcpformer.__all__)
def test_name_is_found_on_first_use(name: str) -> None:
    assert getattr(tcpformer, name) is not None
    assert name in dir(tcpformer)


def test_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'lift_flie'"):
        _ = tcpformer.lift_flie  # pyright: ignore[reportAttributeAccessIssue]


def test_import_is_cheap() -> None:
    code = "import sys, tcpformer; print(*{'numpy', 'scipy', 'av', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
