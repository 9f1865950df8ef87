"""`lift_file`: what it writes, returns, reports and refuses, without the command line."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
from coco_motion import keypoints as coco_keypoints
from commands import keypoint_file, keypoints, written
from keypoint_files import SIZE, openpose, people, rtmlib
from motions import walk, walk2d
from paths import CASES, SAMPLE
from program_files import mediapipe, yolo
from walk26 import walk26
from weights26 import save_weights26

from tcpformer import load_motion, open_video
from tcpformer.io.bvh import read_bvh
from tcpformer.io.calibration import read_calibration
from tcpformer.io.rig_names import bone_names
from tcpformer.manifest import read_manifest
from tcpformer.pipeline import (
    InputOptions,
    LiftOptions,
    files_of_person,
    lift_file,
    read_source,
)
from tcpformer.result_folder import hash_file, replace_together
from tcpformer.skeleton import BLAZEPOSE, BODY25, BODY_26, COCO, H36M, Skeleton


def test_lift_file_returns_what_it_writes(tmp_path: Path, walking: Path, tiny: Path) -> None:
    (motion,) = lift_file(walking, tmp_path / "out", LiftOptions(weights=str(tiny)))
    saved = load_motion(tmp_path / "out/person_0/motion.npz")
    np.testing.assert_array_equal(saved.xyz, motion.xyz)
    assert saved.provenance == motion.provenance
    assert motion.person == 0
    assert written(tmp_path / "out") == ["person_0/motion.bvh", "person_0/motion.npz"]


def test_lift_file_rigs_as_wanted(tmp_path: Path, walking: Path, tiny: Path) -> None:
    options = LiftOptions(weights=str(tiny), rig="plain", recenter=True)
    lift_file(walking, tmp_path / "out", options)
    capture = read_bvh(tmp_path / "out/person_0/motion.bvh")
    assert capture.joints[0] == "pelvis"
    np.testing.assert_allclose(capture.xyz[0, 0, [0, 2]], 0, atol=1e-5)


def test_lift_file_writes_formats_and_lists_them(
    tmp_path: Path, walking: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tcpformer.io.c3d.MAX_FRAMES", 30)
    options = LiftOptions(weights=str(tiny), formats="trc, .CSV,c3d")
    (motion,) = lift_file(walking, tmp_path / "out", options)
    names = [f"person_0/motion{end}" for end in (".c3d", ".csv", ".npz", ".trc", "_2.c3d")]
    assert written(tmp_path / "out") == sorted(names)
    manifest = read_manifest(tmp_path / "out")
    assert manifest is not None
    assert sorted(manifest.files) == sorted(names)
    found = files_of_person(tmp_path / "out", motion, options)
    assert [path.suffix for path in found] == [".npz", ".trc", ".csv", ".c3d", ".c3d"]
    lift_file(walking, tmp_path / "out", LiftOptions(weights=str(tiny), formats=""))
    assert written(tmp_path / "out") == ["person_0/motion.npz"]


def test_lift_file_writes_several_people_into_one_animation(tmp_path: Path, tiny: Path) -> None:
    source, out = openpose(tmp_path / "json", people(BODY25, 30)), tmp_path / "out"
    given = {"weights": str(tiny), "fps": 30.0, "size": SIZE, "formats": "glb,csv"}
    lift_file(source, out, LiftOptions(**given))
    each = [f"person_{i}/motion.{suffix}" for i in (0, 1) for suffix in ("npz", "glb", "csv")]
    assert written(out) == sorted([*each, "people.glb"])
    assert (out / "people.glb").stat().st_size > (out / "person_0/motion.glb").stat().st_size
    lift_file(source, out, LiftOptions(person="0", **given))
    assert "people.glb" not in written(out)  # it would hold an older motion of that person


def test_lift_options_refuse_unknown_formats() -> None:
    with pytest.raises(ValueError, match=r"cannot write 'motion\.mp3': expected a name"):
        LiftOptions(formats="bvh,mp3")


def test_lift_file_names_the_file_of_a_person_without_joints(tmp_path: Path, tiny: Path) -> None:
    """Eyes and ears alone are seen, which are no joints of the weights."""
    confidence = np.zeros((6, 17))
    confidence[:, [COCO.index[name] for name in ("LEye", "REye", "LEar", "REar")]] = 1.0
    np.savez(tmp_path / "a.npz", **coco_keypoints(confidence=confidence))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"a\.npz: no one is visible in the motion of person 0"):
        lift_file(tmp_path / "a.npz", tmp_path / "out", LiftOptions(weights=str(tiny)))


def test_lift_file_never_prints(
    tmp_path: Path, walking: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/overlay.mp4").write_bytes(b"of an earlier run")
    options = LiftOptions(weights=str(tiny), overwrite=True)
    lift_file(str(walking), str(tmp_path / "out"), options)
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_lift_file_logs_what_it_deletes(
    tmp_path: Path, walking: Path, tiny: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "overlay.mp4").write_bytes(b"of an earlier run")
    with caplog.at_level(logging.INFO, logger="tcpformer"):
        lift_file(walking, tmp_path, LiftOptions(weights=str(tiny), overwrite=True))
    assert "overlay.mp4 was of an earlier run and was deleted" in caplog.text
    assert not (tmp_path / "overlay.mp4").exists()


def test_lift_file_keeps_the_raw_motion_of_the_same_pass(
    tmp_path: Path, walking: Path, tiny: Path
) -> None:
    options = LiftOptions(weights=str(tiny), save_raw=True, height=1.9)
    (motion,) = lift_file(walking, tmp_path, options)
    raw = load_motion(tmp_path / "person_0/motion_raw.npz")
    assert "postprocess" not in raw.provenance
    assert raw.provenance["scale"] == motion.provenance["scale"]
    apart = np.linalg.norm(raw.camera_xyz - motion.camera_xyz, axis=-1)
    assert 0 < np.median(apart) < 0.5


def test_lift_file_reports_the_stage(tmp_path: Path, walking: Path, tiny: Path) -> None:
    from tcpformer.io.video import Frame, write_video

    size = walk(1).size
    pictures = (Frame(i, i / 30, np.zeros((size[1], size[0], 3), np.uint8)) for i in range(5))
    write_video(tmp_path / "a.mp4", pictures, 30.0)
    stages: list[tuple[str, int, int]] = []
    options = LiftOptions(weights=str(tiny), video=tmp_path / "a.mp4")
    lift_file(walking, tmp_path / "out", options, lambda *step: stages.append(step))
    assert {stage for stage, _, _ in stages} == {"drawing"}
    assert (tmp_path / "out/overlay.mp4").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"person_model": Path("a.onnx")}, "give both"),
        ({"height": 1.7, "camera_height": 1.5}, "height and camera_height"),
        ({"bone_length": "RKnee"}, "JOINT-JOINT=METRES"),
        ({"camera_height": 1.5, "postprocess": False}, "camera_height"),
        ({"camera_tilt": 10.0, "postprocess": False}, "camera_tilt"),
        ({"camera_tilt": 10.0, "up": (0.0, -1.0, 0.0)}, "either up, or the angles"),
        ({"up": (0.0, 0.0, 0.0)}, "expected a direction for up"),
        ({"camera_up": "z"}, "give that file too"),
        ({"camera_up": "z", "camera": Path("a"), "camera_roll": 3.0}, "leave out --up"),
        ({"camera_up": "z", "camera": Path("a"), "postprocess": False}, "turn that off"),
    ],
)
def test_lift_options_refuse_contradictions(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LiftOptions(**options)  # type: ignore[arg-type]


def test_read_source_gives_the_people_of_a_keypoint_file(walking: Path) -> None:
    (person,) = read_source(walking)
    np.testing.assert_allclose(person.xy, walk(40).xy)


def test_lift_file_keeps_what_no_manifest_lists(tmp_path: Path, walking: Path, tiny: Path) -> None:
    (tmp_path / "overlay.mp4").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"overlay\.mp4 is in no manifest .*--overwrite"):
        lift_file(walking, tmp_path, LiftOptions(weights=str(tiny)))
    assert written(tmp_path) == ["keypoints.npz", "overlay.mp4"]


def test_lift_file_writes_a_manifest(tmp_path: Path, walking: Path, tiny: Path) -> None:
    keys = []
    for height in (1.7, 1.7, 1.9):
        lift_file(walking, tmp_path / "out", LiftOptions(weights=str(tiny), height=height))
        manifest = read_manifest(tmp_path / "out")
        assert manifest is not None
        keys.append(manifest.key)
    assert keys[0] == keys[1] != keys[2]
    assert manifest.state == "complete"
    assert manifest.inputs == {"source": hash_file(walking)}
    assert manifest.weights.startswith(f"{tiny.name} sha256:")
    assert sorted(manifest.files) == written(tmp_path / "out")
    for name, each in manifest.files.items():
        assert each["sha256"] == hash_file(tmp_path / "out" / name)
        assert each["key"] == manifest.key


@pytest.mark.parametrize("folder", ["out", "out/../out", "link"])
def test_lift_file_refuses_its_own_results_as_source(
    tmp_path: Path, walking: Path, tiny: Path, folder: str
) -> None:
    out = tmp_path / "out"
    lift_file(walking, out, LiftOptions(weights=str(tiny)))
    (tmp_path / "link").symlink_to(out)
    before = {name: (out / name).read_bytes() for name in written(out)}
    with pytest.raises(ValueError, match="would replace"):
        lift_file(tmp_path / folder / "person_0/motion.npz", out, LiftOptions(weights=str(tiny)))
    assert {name: (out / name).read_bytes() for name in written(out)} == before


def test_lift_file_lets_one_run_at_a_time_into_a_folder(
    tmp_path: Path, walking: Path, tiny: Path
) -> None:
    with replace_together(tmp_path / "out"), pytest.raises(OSError, match="another run is writing"):
        lift_file(walking, tmp_path / "out", LiftOptions(weights=str(tiny)))
    assert not (tmp_path / "out").exists()


def test_read_source_names_the_file_of_a_wrong_motion(tmp_path: Path) -> None:
    motion = walk(3)
    xy = motion.xy / motion.size  # fractions
    arrays = {"keypoints": xy[:, None, :], "scores": np.ones((3, 1, 17))}
    np.savez(tmp_path / "fractions.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"fractions\.npz: .*fractions of the picture"):
        read_source(tmp_path / "fractions.npz", InputOptions(fps=30.0, size=motion.size))


UNEVEN = np.cumsum([0.0, *np.random.default_rng(0).uniform(0.02, 0.06, 29)])


@pytest.fixture(scope="module")
def uneven_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 30 frames whose rate varies."""
    from tcpformer.io.video import Frame, write_video

    path = tmp_path_factory.mktemp("uneven") / "a.mp4"
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    write_video(path, (Frame(i, t, image) for i, t in enumerate(UNEVEN.tolist())), 30.0)
    return path


@pytest.mark.parametrize(
    ("write", "first"),
    [
        (lambda folder: openpose(folder / "json", people(BODY25)), 0),
        (lambda folder: _from_frame(folder, 7), 7),
        (lambda folder: rtmlib(folder / "a.npz", people(COCO)), 0),
        (lambda folder: yolo(folder / "labels", people(COCO)), 0),
        (lambda folder: mediapipe(folder / "a.json", _bodies(), frame=lambda i: i + 4), 4),
    ],
    ids=["openpose", "openpose from 7", "rtmlib", "yolo", "mediapipe from 4"],
)
def test_read_source_takes_frames_and_times_of_the_video(
    write: Callable[[Path], Path], first: int, uneven_video: Path, tmp_path: Path
) -> None:
    found = read_source(write(tmp_path), InputOptions(video=uneven_video))
    assert len(found) == 2
    for motion in found:
        np.testing.assert_allclose(motion.times, UNEVEN, atol=1e-4)
        assert np.flatnonzero(motion.valid)[[0, -1]].tolist() == [first, first + 19]


def _from_frame(folder: Path, first: int) -> Path:
    """Write OpenPose's files of frames from a later one on."""
    written = openpose(folder / "json", people(BODY25))
    for i in range(19, -1, -1):
        (written / f"clip_{i:012d}_keypoints.json").rename(
            written / f"clip_{i + first:012d}_keypoints.json"
        )
    return written


def _bodies() -> np.ndarray:
    """Return two people of 33 landmarks, at the places of all joints of theirs."""
    figure = people(COCO)
    return figure[:, :, [COCO.index.get(joint, 0) for joint in BLAZEPOSE.joints]]


def test_read_source_places_a_motion_by_its_times(uneven_video: Path, tmp_path: Path) -> None:
    frames = [3, 4, 6, 9, 20]
    path = keypoint_file(times=UNEVEN[frames], fps=None, size=np.array(SIZE), **_some(5))(tmp_path)
    (motion,) = read_source(path, InputOptions(video=uneven_video))
    assert np.flatnonzero(motion.valid).tolist() == frames


def _some(count: int) -> dict[str, np.ndarray]:
    return {name: keypoints()[name][:count] for name in ("xy", "confidence")}


def test_read_source_refuses_the_video_of_other_keypoints(
    uneven_video: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"begin at frame 30, counted from 0, but .* 30 frames"):
        read_source(_from_frame(tmp_path, 30), InputOptions(video=uneven_video))


@pytest.mark.parametrize("name", ["a.csv", "a.npy", "a.h5", "a.json"])
def test_read_source_takes_no_keypoints_for_a_video(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("7")
    with pytest.raises(ValueError, match=rf"{name}.* expected|{name}: not a whole") as error:
        read_source(tmp_path / name, InputOptions(fps=30.0, size=SIZE))
    assert "a video" not in str(error.value).split(";")[0]


CALIBRATION = (
    '{"K": [[1000, 0, 700], [0, 1000, 330], [0, 0, 1]], "distortion": [-0.2, 0.05],'
    ' "size": [1280, 720]}'
)


def test_lift_file_undistorts_the_joints(tmp_path: Path, tiny: Path) -> None:
    """Joints of a walk, distorted by a lens, are lifted as those of the camera without it."""
    (tmp_path / "camera.json").write_text(CALIBRATION)
    ideal = walk2d(60)
    lens = read_calibration(tmp_path / "camera.json")
    recorded = lens.distort(ideal.xy.reshape(-1, 2)).reshape(ideal.xy.shape)
    for name, xy in (("ideal", ideal.xy), ("recorded", recorded)):
        write = keypoint_file(xy=xy, confidence=ideal.confidence, joints=np.array(H36M.joints))
        write(tmp_path).rename(tmp_path / f"{name}.npz")
    options = LiftOptions(weights=str(tiny), focal=1000.0)
    (expected,) = lift_file(tmp_path / "ideal.npz", tmp_path / "a", options)
    options = LiftOptions(weights=str(tiny), camera=tmp_path / "camera.json")
    (found,) = lift_file(tmp_path / "recorded.npz", tmp_path / "b", options)
    np.testing.assert_allclose(found.xyz, expected.xyz, atol=1e-4)
    assert found.provenance["lens"].startswith("camera.json, camera camera: 1280 x 720, fx 1000")


def test_lift_options_refuse_a_focal_length_beside_a_calibration() -> None:
    with pytest.raises(ValueError, match="leave out --focal"):
        LiftOptions(camera=Path("camera.json"), focal=1000.0)


def test_lift_options_refuse_the_name_of_a_camera_without_calibration() -> None:
    with pytest.raises(ValueError, match="give that file too"):
        LiftOptions(camera_name="cam_01")


def test_lift_file_compares_the_calibration_with_the_video_first(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Minutes of detection are not spent on a calibration of another camera."""
    (tmp_path / "camera.json").write_text(CALIBRATION.replace("1280, 720", "720, 1280"))
    monkeypatch.setattr("tcpformer.pipeline.find_people", lambda *_: pytest.fail("too late"))
    options = LiftOptions(weights=str(tiny), camera=tmp_path / "camera.json")
    with pytest.raises(ValueError, match="720 x 1280, but these are 1280 x 720"):
        lift_file(SAMPLE, tmp_path / "out", options)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Pictures of frames 10 to 19 and 25 to 29, of the size of the walk."""
    folder = tmp_path / "frames"
    folder.mkdir()
    image = np.zeros((*walk(1).size[::-1], 3), np.uint8)
    for number in (*range(10, 20), *range(25, 30)):
        cv2.imwrite(str(folder / f"clip_{number:06d}.png"), image)
    return folder


def test_lift_file_draws_on_pictures(tmp_path: Path, pictures: Path, tiny: Path) -> None:
    folder = openpose(tmp_path / "json", people(BODY25, 30))
    for other in (*range(10), *range(20, 25)):
        (folder / f"clip_{other:012d}_keypoints.json").unlink()
    options = LiftOptions(weights=str(tiny), video=pictures / "*.png", fps=25.0)
    motions = lift_file(folder, tmp_path / "out", options)
    assert [len(motion) for motion in motions] == [15, 15]
    expected = [*range(10), *range(15, 20)]
    np.testing.assert_allclose(motions[0].times, np.array(expected) / 25)
    drawn = list(open_video(tmp_path / "out/overlay.mp4").frames())
    np.testing.assert_allclose([frame.time for frame in drawn], motions[0].times, atol=1e-3)
    manifest = read_manifest(tmp_path / "out")
    assert manifest is not None
    assert set(manifest.inputs) == {"source", "--video"}


def test_read_source_refuses_keypoints_without_picture(tmp_path: Path, pictures: Path) -> None:
    folder = openpose(tmp_path / "json", people(BODY25, 30))
    with pytest.raises(ValueError, match=r"keypoints of frame 0, .* frames 10 to 29, 15 in all"):
        read_source(folder, InputOptions(video=pictures, fps=25.0))


def test_read_source_refuses_the_size_of_pictures(pictures: Path) -> None:
    with pytest.raises(ValueError, match=r"--size: only keypoint files need that"):
        read_source(pictures, InputOptions(fps=25.0, size=SIZE))


def in_a_world(folder: Path, rotation: list[float] | None) -> Path:
    """Write the calibration of an ideal camera that is turned in a world."""
    camera = {"K": [[1000, 0, 640], [0, 1000, 360], [0, 0, 1]], "size": [1280, 720]}
    more = {} if rotation is None else {"rotation": rotation}
    (folder / "world.json").write_text(json.dumps(camera | more))
    return folder / "world.json"


@pytest.mark.parametrize(
    ("axis", "rotation"),
    [("z", [np.radians(90 + 12), 0.0, 0.0]), ("-y", [np.radians(12), 0.0, 0.0])],
)
def test_lift_file_takes_up_from_the_world_of_a_calibration(
    axis: Literal["z", "-y"], rotation: list[float], tmp_path: Path, walking: Path, tiny: Path
) -> None:
    """The camera looks down 12 degrees; z of the world is up, or y down."""
    calibration = in_a_world(tmp_path, rotation)
    options = LiftOptions(weights=str(tiny), camera=calibration, camera_up=axis)
    (found,) = lift_file(walking, tmp_path / "a", options)
    options = LiftOptions(weights=str(tiny), camera=calibration, camera_tilt=12.0, camera_roll=0.0)
    (expected,) = lift_file(walking, tmp_path / "b", options)
    np.testing.assert_allclose(found.xyz, expected.xyz, atol=1e-6)
    source = f"up: axis {axis} of the world of world.json, camera camera"
    assert source in found.provenance["ground"]
    assert found.ground_sigma is not None
    assert found.ground_sigma[:2] == (0, 0)


def test_lift_file_refuses_up_of_a_calibration_without_world(
    tmp_path: Path, walking: Path, tiny: Path
) -> None:
    options = LiftOptions(weights=str(tiny), camera=in_a_world(tmp_path, None), camera_up="z")
    with pytest.raises(ValueError, match=r"world\.json, camera camera has no rotation"):
        lift_file(walking, tmp_path / "out", options)


def test_lift_file_notes_a_world_that_is_not_used(
    tmp_path: Path, walking: Path, tiny: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = LiftOptions(weights=str(tiny), camera=in_a_world(tmp_path, [1.0, 0.0, 0.0]))
    with caplog.at_level(logging.INFO, logger="tcpformer"):
        (motion,) = lift_file(walking, tmp_path / "out", options)
    assert "places the camera in a world; if an axis of that points up" in caplog.text
    assert "estimated" in motion.provenance["ground"]


@pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared")
def test_read_source_takes_stored_and_square_pixels_of_a_video(tmp_path: Path) -> None:
    """Most programs see 720 x 576 pixels in a video that is shown at 1024 x 576."""
    video, two = CASES / "16-videos/sar.mp4", 0.5 * people(BODY25, 20)
    folder = openpose(tmp_path / "json", two)
    (wide, _), (stored, _) = (
        read_source(folder, InputOptions(video=video, fps=25.0, size=size))
        for size in ((1024, 576), (720, 576))
    )
    assert wide.size == stored.size == (1024, 576)
    np.testing.assert_allclose(stored.xy[:20], wide.xy[:20] * [1024 / 720, 1])
    with pytest.raises(ValueError, match=r"json has no size, .* not square: give the --size"):
        read_source(folder, InputOptions(video=video, fps=25.0))


@pytest.mark.parametrize(("joints", "skeleton"), [(None, BODY_26), (17, H36M)])
def test_lift_file_writes_the_joints_that_are_wanted(
    joints: Literal[17] | None, skeleton: Skeleton, tmp_path: Path
) -> None:
    person, weights = walk26(30), save_weights26(tmp_path / "weights")
    np.savez(
        tmp_path / "a.npz", xy=person.xy, confidence=person.confidence, fps=person.fps,
        size=person.size, joints=BODY_26.joints,
    )  # fmt: skip
    options = LiftOptions(weights=str(weights), joints=joints)
    (motion,) = lift_file(tmp_path / "a.npz", tmp_path / "out", options)
    assert motion.skeleton == skeleton
    saved = load_motion(tmp_path / "out/person_0/motion.npz")
    assert saved.skeleton == skeleton
    np.testing.assert_array_equal(saved.xyz, motion.xyz)
    assert saved.sigma is not None
    assert saved.sigma.shape == motion.xyz.shape
    capture = read_bvh(tmp_path / "out/person_0/motion.bvh")
    assert {name for name in capture.joints if not name.endswith("End")} == set(
        bone_names("mixamo")
    )
