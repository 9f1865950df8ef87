"""Arguments of another type: every public name refuses them with one sentence.

In a process of its own, because the tests check types before the package does.
"""

import subprocess
import sys

import pytest

CALLS = """
import numpy as np
import tcpformer as t
from tcpformer.motion import Motion3D
xy = np.random.default_rng(0).uniform(0, 700, (6, 17, 2))
one = t.Motion2D(xy, np.ones((6, 17)), (1280, 720), 30.0, t.COCO)
lifter = t.Lifter("fast", "cpu", flip=False)
calls = {
    "lifter([one])": "lift_many(motions) lifts several people",
    "lifter(xy)": "an array of shape (6, 17, 2); make one of joints in pixels",
    "lifter(one, height='1.75')": "height must be",
    "lifter(one, focal='900')": "focal must be a number or 'motion' or None, got the text '900'",
    "lifter(one, postprocess=False)": "None leaves out the post-processing",
    "lifter(one, bone_length='RKnee-RAnkle=0.4')": "bone_length must be (a text, a text, a number)",
    "lifter(one, up='z')": "up must be real numbers",
    "lifter(one, camera_tilt='5')": "camera_tilt must be a number or None, got the text '5'",
    "lifter.lift_many(one)": "Lifter()(motion) lifts one person",
    "lifter.lift_many(['a.npz'])": "motion must be a Motion2D, got the text 'a.npz'",
    "t.Lifter(3)": "weights must be",
    "t.Lifter('fast', 0)": "device must be a text, got the number 0; such as 'cpu'",
    "t.Lifter('fast', 'cpu', 'yes')": "flip must be True or False",
    "t.Lifter('fast', joints='17')": "joints must be 17 or 26 or None, got the text '17'",
    "t.Motion2D(xy, np.ones((6, 17)), (1280, 720), 30.0, 'coco')": "skeleton must be a Skeleton",
    "t.Motion2D([[1], [2, 3]], 1, (9, 9), 30.0, t.COCO)": "xy must be an array",
    "t.Detections(xy, np.ones((6, 17)), None, np.arange(6), (9, 9), 30.0, t.COCO)": "frame (n,)",
    "t.LiftOptions(height='1.75')": "PERSON=METRES",
    "t.LiftOptions(fps='30')": "fps must be a number or None, got the text '30'",
    "t.LiftOptions(overlay='no')": "overlay must be True or False",
    "t.LiftOptions(start=3, end=2)": "the end after the start",
    "t.lift_file(5, 'out')": "source must be a path or a text, got the number 5",
    "t.lift_file('a.npz', 'out', {'height': 1.7})": "options must be a LiftOptions, got a dict",
    "t.open_video(5)": "path must be a path or a text",
    "t.detect_people(5)": "path must be a path or a text",
    "t.load_motion(None)": "path must be a path or a text, got None",
    "t.load_keypoints(xy)": "path must be a path or a text, got an array",
    "t.load_model(5)": "source must be a path or a text",
    "t.to_skeleton(one, 'h36m')": "target must be a Skeleton",
    "t.to_skeleton(xy, t.H36M)": "motion must be a Motion2D",
}
for call, words in calls.items():
    try:
        eval(call)
    except ValueError as error:
        if words not in str(error):
            print(call, "->", error)
    except Exception as error:
        print(call, "->", type(error).__name__, error)
    else:
        print(call, "-> accepted")
"""


@pytest.mark.slow
def test_public_names_refuse_other_types_with_a_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CALLS], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("", 0), done.stdout + done.stderr
