"""Agreement of joint angles with OpenSim's inverse kinematics of the same joints.

pip install opensim poseaudit
pip download --no-deps pose2sim==0.10.49 && unzip -d pose2sim pose2sim-0.10.49-py3-none-any.whl
python benchmarks/opensim_angles.py pose2sim/Pose2Sim/OpenSim_Setup motion.npz

The joints are written as TRC, the model of Pose2Sim is scaled to them and follows them. The offset
is the mean difference (ours less OpenSim's), the limits of agreement hold 95 % of differences, and
RMS and ICC(A,1) are those after the offset.
"""

import argparse
import os
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np

from tcpformer import load_motion, save
from tcpformer.analysis.angles import Angles, measure_angles
from tcpformer.io.mot import COORDINATES, read_mot

ANGLES = ("hip_flexion", "hip_adduction", "knee_flexion", "ankle_dorsiflexion", "elbow_flexion")


def follow(setup: Path, trc: str) -> None:
    """Scale the model to markers in the working folder, and let it follow them: ik.mot."""
    import opensim  # type: ignore[import-not-found]

    opensim.Logger.setLevelString("error")
    opensim.ModelVisualizer.addDirToGeometrySearchPaths(str(setup / "Geometry"))
    model = opensim.Model(str(setup / "Model_Pose2Sim_simple.osim"))
    model.set_MarkerSet(opensim.MarkerSet(str(setup / "Markers_Halpe26.xml")))
    model.initSystem()
    model.printToXML("raw.osim")
    table = opensim.TimeSeriesTableVec3(trc)
    times, markers = table.getIndependentColumn(), set(table.getColumnLabels())
    span = f"{times[0]} {times[-1]}"
    scale = _read(setup / "Scaling_Setup_Pose2Sim_Halpe26.xml")
    _set(scale, {"marker_file": trc, "time_range": span, "scaling_order": " measurements"})
    _set(scale.find("GenericModelMaker"), {"model_file": "raw.osim"})
    _set(scale.find("ModelScaler"), {"output_model_file": "scaled.osim"})
    for measurement in scale.findall(".//Measurement"):
        pairs = " ".join(node.text for node in measurement.findall(".//MarkerPair/markers"))
        if not set(pairs.split()) <= markers:
            measurement.find("apply").text = "false"
    opensim.ScaleTool(_write(scale, "scale.xml")).run()
    solve = _read(setup / "IK_Setup_Pose2Sim_Halpe26.xml")
    _set(solve, {"model_file": "scaled.osim", "marker_file": trc, "time_range": span})
    _set(solve, {"results_directory": ".", "output_motion_file": "ik.mot"})
    for task in solve.findall(".//IKMarkerTask"):
        if task.get("name") not in markers:
            task.find("apply").text = "false"
    opensim.InverseKinematicsTool(_write(solve, "ik.xml")).run()


def _set(node: Any, texts: dict[str, str]) -> None:
    for tag, text in texts.items():
        for each in node.findall(f".//{tag}"):
            each.text = text


def _read(path: Path) -> Any:
    return ElementTree.parse(path).getroot()[0]


def _write(tool: Any, path: str) -> str:
    document = ElementTree.Element("OpenSimDocument", Version="40500")
    document.append(tool)
    ElementTree.ElementTree(document).write(path)
    return path


def compare(angles: Angles, path: Path) -> None:
    """Print a row for each angle that both have."""
    from poseaudit import audit_values  # type: ignore[import-not-found]

    found = read_mot(path)
    at = np.abs(angles.times[:, None] - found.times).argmin(axis=0)
    for name in [f"{angle}_{side}" for angle in ANGLES for side in "lr"]:
        coordinate, sign = COORDINATES[name]
        ours, theirs = angles[name][at], sign * found.values[coordinate]
        known = np.isfinite(ours)
        if known.sum() < 20:
            continue
        ours, theirs = ours[known], theirs[known]
        whole = audit_values(ours, theirs, 10.0, unit="deg", resamples=2)
        rest = audit_values(ours - whole.bias, theirs, 10.0, unit="deg", resamples=2)
        low, high = whole.limits
        rms = float(np.std(ours - theirs))
        limits = f"{low:+.1f} to {high:+.1f}"
        print(f"| {name} | {whole.bias:+.1f} | {limits} | {rms:.1f} | {rest.icc:.3f} |")


def main() -> None:
    """Print a table for each motion."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("setup", type=Path, help="the folder OpenSim_Setup of Pose2Sim")
    parser.add_argument("motions", type=Path, nargs="+")
    options = parser.parse_args()
    setup, paths = options.setup.resolve(), [path.resolve() for path in options.motions]
    for path in paths:
        motion = load_motion(path)
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            save(motion, "markers.trc")
            follow(setup, "markers.trc")
            print(f"\n{path}\n\n| angle | offset | limits | RMS | ICC |\n|---|---|---|---|---|")
            compare(measure_angles(motion), Path("ik.mot"))
            os.chdir("/")


if __name__ == "__main__":
    main()
