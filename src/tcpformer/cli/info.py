"""The verb `info`: versions, devices, weights and extras of this installation."""

import json
import platform
import re
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from importlib.util import find_spec

from ._terminal import show

SHOWN_DIGITS = 12
"""Of the sha256 of weights, as in the provenance of motions."""


def info() -> None:
    """Print versions, devices, packaged weights, and the extras that are not installed."""
    from .. import __version__

    show(f"tcpformer {__version__}, Python {platform.python_version()}, {platform.platform()}")
    for name in ("onnxruntime", "av", "opencv-python-headless", "numpy", "torch"):
        show(f"  {name} {_version_of(name)}")
    show(f"devices: {_describe_devices()}")
    _show_weights()
    extras = metadata("tcpformer").get_all("Provides-Extra") or []
    missing = [extra for extra in extras if not _is_installed(extra)]
    show(f"extras not installed: {', '.join(missing) or 'none'}")


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _describe_devices() -> str:
    if find_spec("torch") is None:
        return "cpu (others need the extra torch)"
    import torch

    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "no"
    mps = "yes" if torch.backends.mps.is_available() else "no"
    return f"cpu ({torch.get_num_threads()} threads), cuda: {cuda}, mps: {mps}"


def _show_weights() -> None:
    """Print the network and the spec of each of the packaged weights; numbers are not read."""
    from ..model_files import packaged_sums
    from ..weights import CONFIG_FILE, PACKAGED, WEIGHTS_FILE, packaged_names, read_spec

    sums = packaged_sums()
    for name in packaged_names():
        folder = PACKAGED / name
        known = json.loads((folder / CONFIG_FILE).read_text())
        digest = sums[folder / WEIGHTS_FILE][:SHOWN_DIGITS]
        network = known["model"].get("more", known["model"])
        show(
            f"weights {name} sha256:{digest}: {known['architecture']}, clips of "
            f"{network['frames']} frames, {network.get('joints', 17)} joints"
        )
        show(f"  {read_spec(known['spec'])}")


def _is_installed(extra: str) -> bool:
    """Check whether every package of an extra is installed."""
    marker = re.compile(rf"extra\s*==\s*['\"]{re.escape(extra)}['\"]")
    for line in requires("tcpformer") or []:
        if marker.search(line):
            try:
                version(re.split(r"[^\w.-]", line, maxsplit=1)[0])
            except PackageNotFoundError:
                return False
    return True
