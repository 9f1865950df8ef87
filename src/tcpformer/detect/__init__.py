"""From a video (`detect_people`), or one frame (`FrameDetector`), to the joints of its people.

`one_pass.detect` is the packaged detector, `local.detect` runs ONNX files of the user; both return
`Detections`.
"""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..io.video import Video, open_video
from ..motion import Motion2D
from ..tracking.assemble import MIN_SECONDS, assemble_people

if TYPE_CHECKING:
    from .frame_detector import FrameDetector
    from .one_pass import Watch

__all__ = ["FrameDetector", "detect_people"]


def detect_people(  # noqa: PLR0913 - options of a user
    video: Video | str | Path,
    *,
    person: str | int = "all",
    landmarks: str = "heavy",
    every_frame: bool = False,
    device: str = "auto",
    min_seconds: float = MIN_SECONDS,
    progress: Callable[[int, int], None] | None = None,
    watch: "Watch | None" = None,
) -> list[Motion2D]:
    """Find the people in a video, tell them apart, and read their joints in every frame.

    The video is read once; twice if only some of the people are wanted: then to find and track all
    people, and again to follow those who are selected.

    Args:
        video: The video, or its file.
        person: "all", "main" (without bystanders), "largest" in the image, "longest" in the video,
            or a number. People are numbered by how much of the video shows them: 0 is surest,
            largest, longest in it.
        landmarks: Network that reads joints: "heavy" (accurate) or "full" (faster).
        every_frame: Look at every frame, also where the motion is so even that joints between two
            looks follow from them; their confidence is then a little lower.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps": chooses among the providers that ONNX
            Runtime is installed with.
        min_seconds: Seconds that a person must be seen, as in `tracking.assemble_people`.
        watch: Called with every frame, in order, and the poses of the people in it.
        progress: Called with the steps done and the steps in all; the latter is an estimate.

    Returns:
        One motion a person over the whole video, in skeleton BLAZEPOSE, with the person's number.
        Where the person is not seen, ``valid`` is False and the confidence 0.

    Raises:
        ValueError: If no one is found, there is no such person, or ``landmarks`` is neither.
    """
    from .one_pass import detect

    opened = video if isinstance(video, Video) else open_video(video)
    found = detect(
        opened,
        person=person,
        landmarks=landmarks,
        every_frame=every_frame,
        device=device,
        progress=progress,
        watch=watch,
    )
    return assemble_people(found, min_seconds=min_seconds)


class _Package(ModuleType):
    """The package; calling it as a function is deprecated."""

    def __call__(self, video: Video | str | Path, **options: Any) -> list[Motion2D]:
        """Return `detect_people`; `tcpformer.detect` was that function in version 0.1."""
        message = "tcpformer.detect(video) is deprecated; call tcpformer.detect_people(video)."
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return detect_people(video, **options)


def __getattr__(name: str) -> Any:
    """Import `FrameDetector` when it is used: ONNX Runtime takes half a second."""
    if name != "FrameDetector":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .frame_detector import FrameDetector

    return FrameDetector


sys.modules[__name__].__class__ = _Package
