"""The verb `info`: versions, devices, weights and extras of this installation."""

import platform
import re
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from ._terminal import show


def info() -> None:
    """Print versions, devices, packaged weights, and the extras that are not installed."""
    import torch

    from .. import __version__
    from ..models import joints_of
    from ..models.checkpoint import load_weights, packaged_names

    show(f"tcpformer {__version__}, Python {platform.python_version()}, {platform.platform()}")
    for name in ("torch", "onnxruntime", "av", "opencv-python-headless", "numpy"):
        show(f"  {name} {version(name)}")
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "no"
    mps = "yes" if torch.backends.mps.is_available() else "no"
    show(f"devices: cpu ({torch.get_num_threads()} threads), cuda: {cuda}, mps: {mps}")
    for name in packaged_names():
        weights = load_weights(name)
        count = sum(p.numel() for p in weights.model.parameters())
        joints = joints_of(weights.model.config)
        show(f"weights {weights.name}: {count:,} parameters, {joints} joints")
        show(f"  {weights.model.config}")
        show(f"  {weights.spec}")
    extras = metadata("tcpformer").get_all("Provides-Extra") or []
    missing = [extra for extra in extras if not _is_installed(extra)]
    show(f"extras not installed: {', '.join(missing) or 'none'}")


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
