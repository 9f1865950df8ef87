"""The options of a lift: what is read, the camera, the network, and what is written."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from .checks import check_field_types
from .io import GROUP_WRITERS, RIGGED, check_writable_suffix
from .io.rig import Rest
from .io.rig_names import Names
from .lens import Lens
from .tracking.assemble import MIN_SECONDS
from .viz.overlay import OverlayConfig
from .viz.view_path import Side, ViewConfig
from .world.lines import SceneLines
from .world.scale import Scale, parse_bone_length, parse_heights
from .world.vertical import Hints, hints_from


@dataclass(frozen=True, kw_only=True)
class InputOptions:
    """What is lifted."""

    person: str = "all"
    """People to lift: "all", "main" (without bystanders: who is shown less than 0.3 times as much
    as the first, by size and time), "largest" in the picture, "longest" in the video, or a number;
    number 0 covers most of the video."""
    start: float = 0.0
    """Seconds of the video, or of the keypoints, at which the motion begins; times stay those of
    the whole."""
    end: float | None = None
    """Seconds at which it ends, without the frame at that time; if not given, with the source."""
    min_seconds: float = MIN_SECONDS
    """Seconds that a person must be seen, or half of the frames; others are left out and listed."""
    trust_ids: bool = False
    """Keep the ids of a keypoint file apart, also where one continues the path of another."""
    landmarks: Literal["heavy", "full"] = "heavy"
    """Packaged 2D network; "full" is three times as fast and less exact."""
    every_frame: bool = False
    """Look at every frame with the packaged 2D network; by default frames of even motion are
    bridged, half of them or more, with a little less confidence."""
    pose_model: Path | None = None
    """Local ONNX file of RTMPose or RTMO that reads the joints instead."""
    person_model: Path | None = None
    """Local ONNX file of YOLOX that finds the people for RTMPose."""
    video: Path | None = None
    """Video of a keypoint file: gives rate and size, and the overlay is drawn on it."""
    fps: float | None = None
    """Frames per second of capture: of keypoints or pictures, which do not hold them, or of a
    video that plays at another rate."""
    slow_motion: float | None = None
    """How many times slower than it was captured the video plays: 8 for 240 frames per second
    played at 30."""
    size: tuple[int, int] | None = None
    """Image width and height, in pixels, of a keypoint file that does not hold them."""


@dataclass(frozen=True, kw_only=True)
class CameraOptions:
    """Where metres and the focal length come from; at most one of the first three."""

    height: float | str | None = None
    """Height of the people, in metres, or of each by number: 0=1.85,1=1.62; 1.70 for those without
    one, if nothing sets the scale."""
    camera_height: float | None = None
    """Height of the camera above the floor, in metres."""
    bone_length: str | None = None
    """Measured length of a bone of the first person: RKnee-RAnkle=0.43, in metres."""
    focal: float | Literal["motion"] | None = None
    """Focal length in pixels, or "motion" to estimate it to some 20 %; if not given, the video's
    metadata, else a view of 60 degrees."""
    up: tuple[float, float, float] | None = None
    """Direction against gravity in camera axes, x right, y down, z forward: 0 -1 0 if level."""
    camera_tilt: float | None = None
    """Degrees that the camera looks down; if not given, estimated."""
    camera_roll: float | None = None
    """Degrees that the camera is turned clockwise; if not given, estimated."""
    camera: Path | None = None
    """Calibration of the lens: TOML as Pose2Sim writes it, COLMAP's cameras.txt, or JSON with K,
    distortion and size. The joints are undistorted before lifting."""
    camera_name: str | None = None
    """Which camera of a calibration file with several."""
    camera_up: Literal["x", "y", "z", "-x", "-y", "-z"] | None = None
    """Axis of the calibration's world that points up, if it places the camera in one: z as Pose2Sim
    writes it (a negative one as --camera-up=-y)."""


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """Which network lifts, and where it runs."""

    weights: str = "default"
    """Packaged name ("default", "fast"), a folder, a released checkpoint or an exported file."""
    device: str = "auto"
    """"auto", "cpu", "cuda", "cuda:N" or "mps"; the 2D networks run there too if ONNX Runtime is
    installed with a provider for it."""
    backend: Literal["auto", "torch", "onnx", "openvino"] = "auto"
    """Runtime of the network; "onnx" and "openvino" run on the CPU."""
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    """"bfloat16" is faster where the processor has it; "auto" measures."""
    flip: bool = True
    """Average with the lifted mirror image: half as fast, a little more exact."""
    checkpoint_protocol: Literal["h36m", "h36m-cpn", "3dhp"] | None = None
    """Protocol that a released checkpoint was trained by; required for one."""
    heads: int = 8
    """Attention heads of a released checkpoint."""
    joints: Literal[17, 26] | None = None
    """Joints of the result: 17, or 26 with feet, hands and face; if not given, those of the
    weights."""


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """What is written."""

    overlay: bool = True
    """Write overlay.mp4: the video with the 2D skeleton, the 3D motion beside it, and the sound."""
    view: Side = "turn"
    """Side from which the overlay shows the 3D motion: the camera's, from the camera's right
    (side), from the top, or first the camera's and then slowly around (turn)."""
    overlay_angles: bool = False
    """Write the degrees of knees, hips and elbows into the overlay."""
    postprocess: bool = True
    """Clean the keypoints, smooth the motion and put it on the floor."""
    save_raw: bool = False
    """Write motion_raw.npz too: the motion before post-processing, for `tcpformer quality`."""
    formats: str = "bvh"
    """Formats beside motion.npz, separated by commas, such as bvh,trc,csv; "" for none. `tcpformer
    formats` lists them. glb, usd and fbx are written for each person, and for all as people.glb."""
    rig: Names = "mixamo"
    """Names of the bones in bvh, glb, usd and fbx: mixamo (Hips, LeftUpLeg), vrm (hips,
    leftUpperLeg) or plain (pelvis, thigh_L)."""
    rest: Rest = "t-pose"
    """Rest pose of the bones: arms sideways, or 45 degrees down."""
    recenter: bool = False
    """Let the motion of bones start above the origin, each person's; else all share one world."""
    trim: bool = True
    """Leave out of the motion of bones the frames before the person is first seen and after the
    last one."""
    overwrite: bool = False
    """Replace files with the names of results that no manifest of an earlier run lists, as in a
    folder of version 0.2 or older."""

    @property
    def result_names(self) -> tuple[str, ...]:
        """Names of the files of a person's motion, but for the raw one."""
        suffixes = (each.strip().lower().lstrip(".") for each in self.formats.split(","))
        return tuple(dict.fromkeys(f"motion.{each}" for each in ("npz", *suffixes) if each))

    @property
    def group_names(self) -> tuple[str, ...]:
        """Names of the files of several people together: animations, which share one scene."""
        suffixes = (Path(name).suffix for name in self.result_names)
        return tuple(
            f"people{each}" for each in suffixes if each in RIGGED and each in GROUP_WRITERS
        )

    @property
    def overlay_config(self) -> OverlayConfig:
        """What the overlay shows, and from which side."""
        return OverlayConfig(angles=self.overlay_angles, view=ViewConfig(self.view))


@dataclass(frozen=True, kw_only=True)
class LiftOptions(InputOptions, CameraOptions, NetworkOptions, OutputOptions):
    """Options of `lift_file`: those of input, camera, network and output together.

    Raises:
        ValueError: If two options contradict each other, or one is out of range.
    """

    def __post_init__(self) -> None:
        check_field_types(self)
        if not 0 <= self.start < (np.inf if self.end is None else self.end):
            raise ValueError(
                f"start and end (--start, --end) must be seconds, the end after the start, got "
                f"{self.start:g} and {self.end}."
            )
        if self.person_model is not None and self.pose_model is None:
            raise ValueError(
                "person_model finds people for pose_model, an RTMPose; give both "
                "(--pose-model, --person-model)."
            )
        if self.camera is not None and self.focal is not None:
            raise ValueError("camera (--camera) gives the focal length; leave out --focal.")
        if self.camera_name is not None and self.camera is None:
            raise ValueError("camera_name chooses a camera of --camera; give that file too.")
        if self.camera_up is not None:
            self._check_camera_up()
        for name in self.result_names:
            check_writable_suffix(Path(name).suffix, name)
        self.scale.check_floor(found=self.postprocess)
        self.hints().check_used(found=self.postprocess)

    def _check_camera_up(self) -> None:
        if self.camera is None:
            raise ValueError("camera_up is an axis of the world of --camera; give that file too.")
        if self.up_is_given:
            raise ValueError(
                "camera_up (--camera-up) gives the vertical; leave out --up, --camera-tilt and "
                "--camera-roll."
            )
        if not self.postprocess:
            raise ValueError(
                "camera_up turns the world upright, which is a step of the post-processing; leave "
                "it out, or do not turn that off."
            )

    @property
    def up_is_given(self) -> bool:
        """Whether an option other than ``camera_up`` gives the vertical, or part of it."""
        return any(each is not None for each in (self.up, self.camera_tilt, self.camera_roll))

    @property
    def scale(self) -> Scale:
        """Where the metres come from."""
        bone = None if self.bone_length is None else parse_bone_length(self.bone_length)
        return Scale(
            height=parse_heights(self.height), camera_height=self.camera_height, bone_length=bone
        )

    def hints(self, scene: SceneLines | None = None, lens: Lens | None = None) -> Hints:
        """Return what is known of the camera's posture."""
        if lens is not None and self.camera_up is not None:
            hints = hints_from(lens.direction_of(self.camera_up), scene=scene)
            return replace(hints, source=f"axis {self.camera_up} of the world of {lens.source}")
        return hints_from(self.up, self.camera_tilt, self.camera_roll, scene)
