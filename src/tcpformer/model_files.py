"""The bytes of model files: packaged ones unchanged, ONNX ones that need no other file."""

import hashlib
import re
from pathlib import Path

PACKAGE = Path(__file__).parent
SUMS = PACKAGE / "SHA256SUMS"
"""Fingerprints of the packaged models, as `sha256sum` writes them; `tools/refresh_sha256.py`."""
# A key "location" of a tensor's external data, in any spelling of its field and length.
_EXTERNAL = re.compile(rb"(?:\x0a|\x8a\x80*\x00)(?:\x08|\x88\x80*\x00)location")


def packaged_sums() -> dict[Path, str]:
    """Return the sha256 of every packaged model."""
    lines = (line.split("  ", 1) for line in SUMS.read_text().splitlines())
    return {PACKAGE / name: digest for digest, name in lines}


def read_model(path: Path) -> bytes:
    """Read a model; one that came with the package must be unchanged.

    Raises:
        ValueError: If a packaged file has another sha256.
        OSError: If it cannot be read.
    """
    data = path.read_bytes()
    expected = packaged_sums().get(path)
    if expected is not None and (found := hashlib.sha256(data).hexdigest()) != expected:
        raise ValueError(
            f"{path}: expected the file that this version was released with (sha256 "
            f"{expected[:12]}), got {found[:12]}; reinstall tcpformer."
        )
    return data


def read_onnx(path: Path) -> bytes:
    """Read an ONNX file that holds all of its numbers.

    From a path, ONNX Runtime would open the files that a model names; from its working folder it
    does so for bytes too.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If its numbers lie in other files, or it is in ONNX Runtime's own format, or a
            packaged file has another sha256.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    data = read_model(path)
    if data[4:8] == b"ORTM":
        raise ValueError(f"{path}: expected an ONNX file, got ONNX Runtime's own format.")
    if _EXTERNAL.search(data):
        raise ValueError(
            f"{path}: its weights lie in other files, which are not opened; save the network as "
            "one file, for example with onnx.save(onnx.load(PATH), PATH)."
        )
    return data
