"""Build the sdist and, from it, the wheel; install the wheel into an empty environment; run it.

usage: python tools/check_package.py [--download]

Dependencies are borrowed from the environment that runs this, those of extras excepted; with
--download, pip installs them.
"""

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
NEEDED = (
    "tcpformer/py.typed",
    "tcpformer/packaged/default/graph.onnx",
    "tcpformer/packaged/default/model.safetensors",
    "tcpformer/packaged/fast/graph.onnx",
    "tcpformer/packaged/fast/model.safetensors",
    "tcpformer/detect/weights/blazepose_heavy.onnx",
    "licenses/LICENSE",
    "licenses/NOTICE",
)
OUTSIDE = ("research/", "tests/", "benchmarks/", "tools/", "docs/", "examples/", "assets/")
LARGEST = 72e6  # bytes; 66 until `fast` had 26 joints; PyPI refuses more than 100 MB
OPTIONAL = ("torch", "einops", "safetensors", "matplotlib", "onnx", "fastapi", "pyarrow", "ezc3d")
"""Modules of extras, which the base installation must do without."""
TRIAL = """
import importlib.util
import numpy as np
import tcpformer
assert importlib.util.find_spec("torch") is None, "torch belongs into an extra"
print(tcpformer.__version__, tcpformer.__file__)
t = np.arange(40)[:, None]
side, down = np.array([0.0, -40, -45, -50, 40, 45, 50, 0, 0, 0, 0, 70, 80, 85, -70, -80, -85]), \\
    np.array([0.0, 0, 130, 260, 0, 130, 260, -80, -160, -190, -230, -150, -60, 20, -150, -60, 20])
xy = np.stack([640 + t + side, 360 + down + 5 * np.sin(t / 4)], axis=-1)
np.savez("keypoints.npz", xy=xy, confidence=np.ones((40, 17)), fps=30.0, size=[1280, 720],
         joints=tcpformer.H36M.joints)
"""

LIFT_KEYPOINTS = ["lift", "keypoints.npz", "--out", "keypoints", "--weights", "fast"]
LIFT_VIDEO = ["lift", ROOT / "assets" / "sample.mp4", "--out", "video", "--end", "1"]
LIFT_VIDEO += ["--weights", "fast", "--landmarks", "full"]


def check_names(names: list[str], archive: Path) -> None:
    missing = [each for each in NEEDED if not any(name.endswith(each) for name in names)]
    extra = [name for name in names if name.startswith(OUTSIDE)]
    if missing or extra or archive.stat().st_size > LARGEST:
        raise SystemExit(f"{archive.name}: lacks {missing}, should not hold {extra}, or too large.")
    print(f"{archive.name}: {len(names)} files, {archive.stat().st_size / 1e6:.1f} MB")


def run(folder: Path, *command: str | Path) -> str:
    """Return what a command prints; end with it if the command fails."""
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}")
    return done.stdout


def build(out: Path) -> Path:
    """Return the wheel that was built from the sdist."""
    run(ROOT, sys.executable, "-m", "build", "--outdir", out)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    with tarfile.open(sdist) as archive:
        inside = [name.partition("/")[2] for name in archive.getnames()]
    heavy = [name for name in inside if name.startswith(("assets/", "docs/", "runs/", "out/"))]
    if heavy or "README.md" not in inside:
        raise SystemExit(f"{sdist.name}: README.md must be in it, {heavy[:3]} must not.")
    check_names(zipfile.ZipFile(wheel).namelist(), wheel)
    return wheel


def install(wheel: Path, folder: Path, *, download: bool) -> Path:
    """Return the folder of the new environment's commands."""
    venv.create(folder, with_pip=True)
    place = {"base": str(folder), "platbase": str(folder)}
    commands = Path(sysconfig.get_path("scripts", "venv", place))
    options = [] if download else ["--no-deps"]
    run(folder, commands / "python", "-m", "pip", "install", "--quiet", *options, wheel)
    if not download:
        borrow(
            Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("purelib", "venv", place))
        )
    return commands


def borrow(source: Path, target: Path) -> None:
    """Link what is installed, but for modules of extras; no .pth file, so no editable install."""
    for each in source.iterdir():
        name = each.name.split("-")[0].split(".")[0].lower()
        if each.suffix != ".pth" and name not in OPTIONAL and not (target / each.name).exists():
            (target / each.name).symlink_to(each)


def main(*, download: bool) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build(folder / "dist")
        commands = install(wheel, folder / "empty", download=download)
        imported = run(folder, commands / "python", "-c", TRIAL)
        if str(folder) not in imported:
            raise SystemExit(f"another copy of the package was imported: {imported}")
        print(imported.strip())
        for arguments in (["--help"], ["info"], LIFT_KEYPOINTS, LIFT_VIDEO):
            run(folder, commands / "tcpformer", *arguments)
        for out in ("keypoints", "video"):
            if not list((folder / out).rglob("motion.npz")):
                raise SystemExit(f"tcpformer lift wrote no motion.npz to {out}.")
        if not (folder / "video" / "overlay.mp4").stat().st_size:
            raise SystemExit("lift drew no overlay.mp4.")


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--download"]):
        raise SystemExit(__doc__)
    main(download=bool(sys.argv[1:]))
