"""The table of all readers; a new format is one entry in `TARGETS`.

Seeds are written by our own writers, or are small golden files.
"""

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import mutators
import numpy as np
import structured
import torch
from baselines import checkpoint
from coco_motion import keypoints as coco_keypoints
from commands import tiny_weights
from keypoint_files import MMPOSE, mmpose, openpose, people, rtmlib, sports2d
from mocaps import mocap_file
from motions import walk
from mutators import TEXT
from onnx_files import detector_file, network_file
from paths import DATA
from program_files import (
    coco_annotations,
    coco_results,
    deeplabcut_csv,
    deeplabcut_fixed_h5,
    deeplabcut_h5,
    mediapipe,
    mmpose_pictures,
    sleap,
    sleap_analysis,
    slp,
    yolo,
)
from runner import Target
from structured import JSON, NPZ, ONNX, PICKLE, PICKLED_NPZ, SAFETENSORS, TOML, TORCH
from synthetic import cpn_folder, sh_file
from synthetic_3dhp import (
    scored_content,
    train_content,
    write_npz,
    write_test_raw,
    write_train_raw,
)
from walk26 import walk26

from tcpformer.datasets.convert.mocap import convert_mocap
from tcpformer.datasets.custom import Sequence, load_folder, save_sequence
from tcpformer.datasets.h36m_cpn import load_h36m_cpn
from tcpformer.datasets.h36m_sh import load_h36m_sh_test
from tcpformer.datasets.mocap import Mocap, load_mocap
from tcpformer.datasets.mpi_inf_3dhp import load_3dhp_test, load_3dhp_train
from tcpformer.datasets.open_benchmark import make_open_benchmark
from tcpformer.datasets.validate.check import check_folder
from tcpformer.detect.local import open_pose_model
from tcpformer.detect.onnx import open_local
from tcpformer.detect.rtmo import RTMO
from tcpformer.detect.yolox import YOLOX
from tcpformer.evaluation.open_benchmark import evaluate_open
from tcpformer.io import load, save
from tcpformer.io.amc import read_acclaim
from tcpformer.io.bvh import read_bvh, write_bvh
from tcpformer.io.calibration import read_calibration
from tcpformer.io.npz import load_motion
from tcpformer.io.safe_pickle import read_pickle
from tcpformer.io.video import Frame, open_video, write_video
from tcpformer.lifting.lifter import Lifter
from tcpformer.models.checkpoint import load_model, load_weights
from tcpformer.pipeline import InputOptions, LiftOptions, lift_file, read_source
from tcpformer.runtime.backends import load_exported
from tcpformer.skeleton import BODY, BODY25, COCO, H36M
from tcpformer.training.config import TrainConfig
from tcpformer.training.presets import PRESETS, config_to_dict, load_config
from tcpformer.training.run_dir import RunDir

GIVEN: dict[str, Any] = {"fps": 30.0, "size": (1280, 720)}
SHORT = 12
"""Frames of most seeds."""

# 2D keypoints and 3D motions


def read_people(path: Path, **given: Any) -> object:
    return read_source(path, InputOptions(**given))


def own_keypoints(folder: Path) -> None:
    np.savez(folder / "a.npz", **coco_keypoints())


def own_keypoints_with_times(folder: Path) -> None:
    times = np.arange(6) / 30.0
    more: dict[str, Any] = {"times": times, "focal": 1000.0, "focal_source": "measured"}
    np.savez_compressed(folder / "a.npz", **coco_keypoints(**more))


def motion_file(folder: Path) -> None:
    motion = walk(SHORT)
    save(replace(motion, sigma=np.full(motion.xyz.shape, 0.01)), folder / "a.npz")


def tables(suffix: str) -> tuple[Callable[[Path], None], ...]:
    """Return writers of one person, and of two, in a format that is read back."""

    def one(folder: Path) -> None:
        save(walk26(3), folder / f"a{suffix}")

    def two(folder: Path) -> None:
        motion = walk(3)
        sure = replace(motion, sigma=np.full(motion.xyz.shape, 0.01), person=1)
        save([motion, sure], folder / f"a{suffix}")

    return one, two


def trc_folder(folder: Path) -> None:
    sports2d(folder / "in", people(COCO, SHORT), COCO.joints)


def mmpose_with_names(folder: Path) -> None:
    mmpose(folder / "a.json", people(COCO, SHORT), MMPOSE)


def lift_keypoints(folder: Path) -> object:
    options = LiftOptions(weights=str(tiny_weights_folder()))
    return lift_file(folder / "a.npz", folder / "out", options)


@cache
def lifter() -> Lifter:
    return Lifter(tiny_weights_folder())


@cache
def tiny_weights_folder() -> Path:
    from tempfile import mkdtemp

    return tiny_weights(Path(mkdtemp(prefix="fuzz-weights-")))


def landmarks() -> np.ndarray:
    return people(COCO, 3)[:, :, np.arange(33) % 17]


def stamp(frame: int) -> int:
    return 33 * frame


def calibration(name: str) -> Callable[[Path], object]:
    """Return a writer of a camera as Pose2Sim's TOML or as JSON."""
    matrix = "[[1000.0, 0.0, 650.0], [0.0, 990.0, 350.0], [0.0, 0.0, 1.0]]"
    toml = (
        f"[cam_01]\nname = 'cam_01'\nsize = [1280.0, 720.0]\nmatrix = {matrix}\n"
        "distortions = [-0.3, 0.1, 0.001, -0.002]\nfisheye = false\n"
    )
    camera = f'{{"K": {matrix}, "distortion": [-0.3, 0.1, 0.001, -0.002], "size": [1280, 720]}}'
    return lambda folder: (folder / name).write_text(toml if name == "a.toml" else camera)


# Motion capture and data sets


def bvh_of_our_own(folder: Path) -> None:
    write_bvh(walk(SHORT), folder / "a.bvh")


def bvh_of_cmu(folder: Path) -> None:
    lines = (DATA / "07_12.bvh").read_text().splitlines()
    motion = next(i for i, line in enumerate(lines) if line.startswith("Frames:"))
    lines[motion] = "Frames: 3"
    (folder / "a.bvh").write_text("\n".join(lines[: motion + 5]) + "\n")


def acclaim(folder: Path) -> None:
    shutil.copy(DATA / "02.asf", folder / "a.asf")
    lines = (DATA / "02_03.amc").read_text().splitlines()
    fourth = lines.index("4")
    (folder / "a.amc").write_text("\n".join(lines[:fourth]) + "\n")


def bvh_folder(folder: Path) -> None:
    write_bvh(walk(60, 50.0), folder / "01_01.bvh")


def asf_folder(folder: Path) -> None:
    shutil.copy(DATA / "02.asf", folder / "02.asf")
    shutil.copy(DATA / "02_03.amc", folder / "02_03.amc")


def read_converted(folder: Path) -> object:
    target = folder / "converted.npz"
    report = convert_mocap(folder, target)
    report.table()
    with np.load(target) as data:
        return dict(data), read_known(target)


def read_known(path: Path) -> Mocap:
    """Read motion capture; feet, hands and face that a rig lacks are NaN on purpose, here 0."""
    mocap = load_mocap(path, "train")
    more = mocap.xyz[:, BODY.stop :]
    more[np.isnan(more)] = 0
    return mocap


def mocap_npz(folder: Path) -> None:
    mocap_file(folder / "a.npz")


def open_source(folder: Path) -> None:
    with np.load(mocap_file(folder / "a.npz")) as data:
        content = dict(data)
    more = {"name": ["a", "b", "c"], "subject": ["1", "2", "3"], "parents": H36M.parents}
    content |= {key: np.array(value) for key, value in more.items()}
    content["split"] = np.array(["test", "test", "val"])
    np.savez(folder / "a.npz", **content)  # type: ignore[arg-type]


def open_views(folder: Path) -> None:
    open_source(folder)
    make_open_benchmark(folder / "a.npz", folder / "b.npz", cameras=1)
    (folder / "a.npz").unlink()


def read_made_benchmark(folder: Path) -> object:
    make_open_benchmark(folder / "a.npz", folder / "made.npz", cameras=1)
    with np.load(folder / "made.npz") as data:
        return dict(data)


def own_sequence(folder: Path) -> None:
    motion = walk(SHORT)
    parts = (motion.xy, motion.camera_xyz, H36M.joints, motion.fps, motion.size)
    save_sequence(folder / "a.npz", Sequence(*parts, focal=1000.0, subject="me"))


def read_own(folder: Path) -> object:
    data = load_folder(folder, "train+val+test")
    clips = data.cut_clips(data.clip_starts(9, 9), 9, "centered-camera")
    return data, clips


def check_own(folder: Path) -> object:
    check_folder(folder).table()
    return None


def h36m_pickle(folder: Path) -> None:
    sh_file(folder / "a.pkl", [("s_09_act_02_subact_01_ca_01", "Directions", 4)])


def h36m_npz(folder: Path) -> None:
    cpn_folder(folder, {"S9": {"Walking": 3}, "S11": {"Walking 1": 3}})


def train_3dhp(folder: Path) -> None:
    write_npz(folder / "data_train_3dhp.npz", train_content({"S1 Seq1": 3}))


def test_3dhp(folder: Path) -> None:
    write_npz(folder / "data_test_3dhp.npz", scored_content({"TS1": 12}))


def mat_3dhp(folder: Path) -> None:
    write_train_raw(folder, {"S1 Seq1": 2})


def hdf5_3dhp(folder: Path) -> None:
    write_test_raw(folder, {"TS1": 12})


# Pickles, weights and networks


def plain_pickles(protocol: int) -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        x = np.arange(12.0).reshape(3, 4)
        content = {"a": [x, x.T, x.astype("f4")], "b": ("c", {1, 2}, b"d", None, True, 1.5, x)}
        (folder / "a.pkl").write_bytes(pickle.dumps(content, protocol))

    return write


def plain(value: object) -> None:
    """Walk through a value, as those who read it do; numbers in it may be of any kind."""
    if isinstance(value, dict):
        for each in value.values():
            plain(each)
    elif isinstance(value, np.ndarray):
        np.asarray(value).shape  # noqa: B018


def weights_folder(folder: Path) -> None:
    tiny_weights(folder)


def read_weights(folder: Path) -> object:
    loaded = load_weights(folder)
    return {key: value.numpy() for key, value in loaded.model.state_dict().items()}


def released(*, legacy: bool = False) -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        path = checkpoint("strided_transformer", folder)
        if legacy:
            content = torch.load(path, weights_only=True)
            torch.save(content, path, _use_new_zipfile_serialization=False)

    return write


def read_checkpoint(folder: Path) -> object:
    model = load_model(folder / "released.bin", strides=(3, 3, 3))
    return {key: value.numpy() for key, value in model.state_dict().items()}


def run_exported(folder: Path) -> object:
    network = load_exported(folder / "a.onnx").model
    return network(torch.zeros(1, 9, 17, 3)).numpy()


def run_detector(folder: Path) -> object:
    pose, image = open_pose_model(folder / "a.onnx"), np.zeros((64, 48, 3), np.uint8)
    return pose(image) if isinstance(pose, RTMO) else pose(image, np.array([4.0, 4, 40, 60]))


def run_person_detector(folder: Path) -> object:
    return YOLOX(open_local(folder / "a.onnx"))(np.zeros((64, 48, 3), np.uint8))


def run_folder(folder: Path) -> None:
    run = RunDir(folder)
    config = replace(PRESETS["own"], steps=3)
    tensors = {"a": torch.zeros(3), "b": torch.ones(2, 2)}
    state = {"config": config_to_dict(config), "processes": 1, "step": 2, "model": tensors}
    run.save_checkpoint(state | {"mean": tensors, "fingerprint": "0" * 12})
    for step in range(3):
        run.log({"step": step, "loss": 0.5, "mpjpe_mm": 50.0})


def read_run_folder(folder: Path) -> object:
    run, config = RunDir(folder), replace(PRESETS["own"], steps=3)
    run.load_checkpoint(config, 1)
    run.read_log()  # a run that diverged has logged numbers that are not finite
    return None


# Configurations


def toml_config(folder: Path) -> None:
    (folder / "a.toml").write_text(
        'preset = "own"\nsteps = 20\nlr = 1e-3\nframe_step = [1, 4]\nsplit = "train"\n'
        'val_subjects = []\n[network]\nmodel = "hybrid"\nframes = 27\nwidth = 32\nheads = 4\n'
    )


def json_config(folder: Path) -> None:
    content: dict[str, Any] = {"config": config_to_dict(PRESETS["own"]), "hardware": {}}
    (folder / "a.json").write_text(json.dumps(content))


def old_config(folder: Path) -> None:
    network = {"model": "tcpformer", "frames": 27, "modules": "all", "pose_layers": 4}
    plan = {"network": network, "rate": 1e-3, "steps": 10, "spacing": [1, 2], "variant": {}}
    (folder / "a.json").write_text(json.dumps({"plan": plan}))


def read_config(name: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        config: TrainConfig = load_config(str(folder / name))
        return asdict(config)

    return read


# Videos


def video(name: str, codec: str = "") -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        rng = np.random.default_rng(0)
        noise = rng.integers(0, 255, (48, 64, 3), np.uint8)
        frames = [Frame(i, i / 25, np.roll(noise, 3 * i, axis=1)) for i in range(8)]
        if codec:
            encode(folder / name, frames, codec)
        else:
            write_video(folder / name, frames, 25.0)

    return write


def encode(path: Path, frames: list[Frame], codec: str) -> None:
    """Write a video in a container or with a codec that `write_video` does not have."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, 25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, format="rgb24")))
        container.mux(stream.encode(None))


def read_video(folder: Path) -> object:
    (path,) = folder.iterdir()
    opened = open_video(path)
    times = [frame.time for frame in opened.frames()]
    return opened.fps, opened.focal, times


PICTURES = (".png", ".jpg", ".bmp", ".tif", ".webp")


def pictures(suffix: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        image = np.random.default_rng(0).integers(0, 255, (24, 32, 3)).astype(np.uint8)
        for i in range(2):
            cv2.imwrite(str(folder / f"{i}{suffix}"), image)

    return write


def read_pictures(folder: Path) -> object:
    frames = open_video(folder, fps=25.0).frames()
    return [(frame.time, float(frame.image.mean())) for frame in frames]


TARGETS: tuple[Target, ...] = (
    Target(
        "keypoints-npz",
        (own_keypoints, own_keypoints_with_times, motion_file),
        lambda folder: read_people(folder / "a.npz"),
        {".npz": NPZ},
    ),
    Target(
        "rtmlib-npz",
        (lambda folder: rtmlib(folder / "a.npz", people(COCO, SHORT)),),
        lambda folder: read_people(folder / "a.npz", **GIVEN),
        {".npz": NPZ},
    ),
    Target("motion-csv", tables(".csv"), lambda f: load(f / "a.csv"), {".csv": TEXT}),
    Target("motion-json", tables(".json"), lambda f: load(f / "a.json"), {".json": JSON}),
    Target(
        "motion-parquet",
        tables(".parquet"),
        lambda folder: load(folder / "a.parquet"),
        {".parquet": mutators.BYTES},
    ),
    Target("motion-npz", (motion_file,), lambda f: load_motion(f / "a.npz"), {".npz": NPZ}),
    Target(
        "openpose-json",
        (lambda folder: openpose(folder / "in", people(BODY25, 3), ids=True),),
        lambda folder: read_people(folder / "in", **GIVEN),
        {".json": JSON},
    ),
    Target(
        "mmpose-json",
        (mmpose_with_names, lambda folder: mmpose(folder / "a.json", people(COCO, 3), None)),
        lambda folder: read_people(folder / "a.json", **GIVEN),
        {".json": JSON},
    ),
    Target(
        "other-json",
        (
            lambda folder: coco_results(folder / "a.json", people(COCO, 3)),
            lambda folder: mediapipe(folder / "a.json", landmarks(), timestamp_ms=stamp),
            lambda folder: coco_annotations(folder / "a.json", people(COCO, 3), COCO),
        ),
        lambda folder: read_people(folder / "a.json", **GIVEN),
        {".json": JSON},
    ),
    Target(
        "json-pictures",
        (lambda folder: mmpose_pictures(folder / "in", people(COCO, 3)),),
        lambda folder: read_people(folder / "in", **GIVEN),
        {".json": JSON},
    ),
    Target(
        "yolo-txt",
        (lambda folder: yolo(folder / "in", people(COCO, 3)),),
        lambda folder: read_people(folder / "in", **GIVEN),
        {".txt": TEXT},
    ),
    Target(
        "csv",
        (
            lambda folder: sleap(folder / "a.csv", people(COCO, 3), COCO, ("a", "b")),
            lambda folder: deeplabcut_csv(folder / "a.csv", people(COCO, 3), COCO),
        ),
        lambda folder: read_people(folder / "a.csv", **GIVEN),
        {".csv": TEXT},
    ),
    Target(
        "deeplabcut-h5",
        (
            lambda folder: deeplabcut_h5(folder / "a.h5", people(COCO, 3), COCO),
            lambda folder: deeplabcut_fixed_h5(folder / "a.h5", people(COCO, 3), COCO),
        ),
        lambda folder: read_people(folder / "a.h5", **GIVEN),
        {".h5": (*mutators.BYTES, structured.embedded_pickle)},
        share=0.003,
    ),
    Target(
        "sleap-h5",
        (
            lambda folder: sleap_analysis(folder / "a.h5", people(COCO, 3), COCO),
            lambda folder: slp(folder / "a.slp", people(COCO, 3), COCO),
        ),
        lambda folder: read_people(next(folder.iterdir()), **GIVEN),
        {".h5": mutators.BYTES, ".slp": mutators.BYTES},
        share=0.003,
    ),
    Target(
        "keypoints-npy",
        (lambda folder: np.save(folder / "a.npy", people(COCO, 3).swapaxes(0, 1)),),
        lambda folder: read_people(folder / "a.npy", **GIVEN),
        {".npy": (structured.npy, structured.npy, structured.any_bytes)},
    ),
    Target(
        "calibration",
        (calibration("a.toml"), calibration("a.json")),
        lambda folder: read_calibration(next(folder.iterdir())),
        {".toml": TOML, ".json": JSON},
    ),
    Target("trc", (trc_folder,), lambda f: read_people(f / "in", **GIVEN), {".trc": TEXT}),
    Target(
        "lift", (own_keypoints, own_keypoints_with_times), lift_keypoints, {".npz": NPZ}, share=0.03
    ),
    Target("bvh", (bvh_of_our_own, bvh_of_cmu), lambda f: read_bvh(f / "a.bvh"), {".bvh": TEXT}),
    Target(
        "acclaim",
        (acclaim,),
        lambda folder: read_acclaim(folder / "a.asf", folder / "a.amc"),
        {".asf": TEXT, ".amc": TEXT},
    ),
    Target(
        "mocap-folder",
        (bvh_folder, asf_folder),
        read_converted,
        {".bvh": TEXT, ".asf": TEXT, ".amc": TEXT},
        share=0.3,
    ),
    Target("mocap-npz", (mocap_npz,), lambda f: read_known(f / "a.npz"), {".npz": NPZ}),
    Target("open-source", (open_source,), read_made_benchmark, {".npz": NPZ}, share=0.3),
    Target(
        "open-benchmark",
        (open_views,),
        lambda folder: evaluate_open(lifter(), folder / "b.npz", noisy=True),
        {".npz": NPZ},
        share=0.03,
    ),
    Target("own-data", (own_sequence,), read_own, {".npz": NPZ}),
    Target("own-data-check", (own_sequence,), check_own, {".npz": NPZ}, share=0.3),
    Target(
        "h36m-sh",
        (h36m_pickle,),
        lambda folder: load_h36m_sh_test(folder / "a.pkl", cache=folder / "cache"),
        {".pkl": PICKLE},
        share=0.3,
    ),
    Target(
        "h36m-cpn", (h36m_npz,), lambda f: load_h36m_cpn(f, "test"), {".npz": PICKLED_NPZ}, 0.3
    ),
    Target("3dhp-train", (train_3dhp,), load_3dhp_train, {".npz": PICKLED_NPZ}, share=0.5),
    Target("3dhp-test", (test_3dhp,), load_3dhp_test, {".npz": PICKLED_NPZ}),
    Target("3dhp-mat", (mat_3dhp,), load_3dhp_train, {".mat": mutators.BYTES}, share=0.003),
    Target("3dhp-hdf5", (hdf5_3dhp,), load_3dhp_test, {".mat": mutators.BYTES}, share=0.003),
    Target(
        "pickle",
        tuple(map(plain_pickles, range(6))),
        lambda folder: plain(read_pickle(folder / "a.pkl")),
        {".pkl": PICKLE},
    ),
    Target("weights", (weights_folder,), read_weights,
           {".safetensors": SAFETENSORS, "config.json": JSON}, share=0.5),
    Target(
        "checkpoint",
        (released(), released(legacy=True)),
        read_checkpoint,
        {".bin": TORCH},
        share=0.3,
    ),
    Target("run-folder", (run_folder,), read_run_folder,
           {".pt": TORCH, ".jsonl": (structured.json_lines, *TEXT)}, share=0.5),
    Target(
        "onnx-weights",
        (network_file,),
        run_exported,
        {".onnx": (*ONNX, structured.description_in_protobuf)},
        share=0.3,
    ),
    Target(
        "onnx-detector",
        (detector_file("rtmpose"), detector_file("rtmo")),
        run_detector,
        {".onnx": ONNX},
        share=0.3,
    ),
    Target(
        "onnx-person-detector",
        (detector_file("yolox"),),
        run_person_detector,
        {".onnx": ONNX},
        share=0.3,
    ),
    Target("toml-config", (toml_config,), read_config("a.toml"), {".toml": TOML}),
    Target("json-config", (json_config, old_config), read_config("a.json"), {".json": JSON}),
    Target(
        "video",
        (video("a.mp4"), video("a.mkv"), video("a.avi", "mpeg4"), video("a.h264", "libx264")),
        read_video,
        dict.fromkeys((".mp4", ".mkv", ".avi", ".h264"), mutators.BYTES),
        share=0.3,
    ),
    Target(
        "pictures",
        tuple(pictures(suffix) for suffix in PICTURES),
        read_pictures,
        dict.fromkeys(PICTURES, mutators.BYTES),
    ),
)  # fmt: skip
