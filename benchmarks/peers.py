"""Time the same clip with this package and with MediaPipe, in turns.

usage: python benchmarks/peers.py --mediapipe PYTHON [--height 1080] [--frames 120] [--runs 3]

PYTHON is the interpreter of an environment of its own with mediapipe 0.10.21, the last version with
a model inside: python3.11 -m venv mp; mp/bin/pip install mediapipe==0.10.21. MediaPipe reads the
video by OpenCV, finds one person and gives joints relative to the hips; here the clip is lifted to
files, with tracking. Times are without the start of the program, and with both networks `full`.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

from paired import ONE_PERSON, ROOT, Run, make_clip, median, run_checkout

MEDIAPIPE = """
import json, sys, time
import cv2
import mediapipe
pose = mediapipe.solutions.pose.Pose(model_complexity=1)
capture = cv2.VideoCapture(sys.argv[1])
pose.process(cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB))
capture = cv2.VideoCapture(sys.argv[1])
wall, cpu, frames, seen = time.perf_counter(), time.process_time(), 0, 0
while True:
    there, image = capture.read()
    if not there:
        break
    seen += pose.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).pose_landmarks is not None
    frames += 1
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps([frames, int(seen > 0), wall, cpu]))
"""


def run_mediapipe(python: Path, clip: Path) -> Run:
    """Read the joints of a clip with MediaPipe's `full` model, in a new process."""
    line = [str(python), "-c", MEDIAPIPE, str(clip)]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    return Run(*json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mediapipe", type=Path, required=True, help="its Python interpreter")
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        make_clip(clip, args.height, args.frames, ONE_PERSON)
        theirs, ours = [], []
        for _ in range(args.runs):
            theirs.append(run_mediapipe(args.mediapipe, clip))
            ours.append(run_checkout(ROOT, clip, "full"))
    print("| full, one person | frames a second | CPU ms a frame |\n|---|---|---|")
    for name, run in (("MediaPipe", median(theirs)), ("tcpformer", median(ours))):
        print(f"| {name} | {run.frames / run.wall:.1f} | {1000 * run.cpu / run.frames:.0f} |")
    ratios = [(o.frames / o.wall) / (t.frames / t.wall) for o, t in zip(ours, theirs, strict=True)]
    print(f"\nratio of the rates, round by round: {', '.join(f'{r:.2f}' for r in ratios)}")


if __name__ == "__main__":
    main()
