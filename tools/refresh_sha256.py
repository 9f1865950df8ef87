"""Writes the sha256 of the packaged models into the table that is checked when they are loaded.

    python tools/refresh_sha256.py

`sha256sum -c SHA256SUMS` in src/tcpformer checks the same without this package.
"""

import hashlib

from tcpformer.files import atomic_write
from tcpformer.model_files import PACKAGE, SUMS

PATTERNS = (
    "packaged/*/*.safetensors",
    "packaged/*/*.json",
    "packaged/*/*.onnx",
    "detect/weights/*.onnx",
)


def table() -> str:
    """Return a line for every packaged model."""
    files = sorted(file for pattern in PATTERNS for file in PACKAGE.glob(pattern))
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(PACKAGE).as_posix()}\n"
        for file in files
    ]
    return "".join(lines)


def refresh() -> None:
    """Write the table."""
    with atomic_write(SUMS) as beside:
        beside.write_text(table())


if __name__ == "__main__":
    refresh()
