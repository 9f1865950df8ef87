"""Scale OpenSim's model of Pose2Sim to markers and solve inverse kinematics, as a program.

Runs where `opensim` is installed, not in the environment of the tests:
python opensim_ik.py TRC FOLDER_OF_POSE2SIMS_SETUP OUT; the last line that it prints is JSON.
"""

import json
import os
import re
import sys
from pathlib import Path

import opensim  # pyright: ignore[reportMissingImports]


def main(trc: Path, setup: Path, out: Path) -> None:
    opensim.Logger.setLevelString("error")
    table = opensim.TimeSeriesTableVec3(str(trc))
    labels, times = list(table.getColumnLabels()), list(table.getIndependentColumn())
    flat = table.flatten()  # kept by a name: its matrix lies in it
    places = flat.getMatrix().to_numpy()
    span = f"{times[0]} {times[-1]}"
    scale(trc, setup, out, labels, span)
    errors = solve(trc, setup, out, labels, span)
    found = {"labels": labels, "times": times, "xyz": places.tolist(), "rms": errors}
    sys.stdout.write(f"\n{json.dumps(found)}\n")


def scale(trc: Path, setup: Path, out: Path, labels: list[str], span: str) -> None:
    """Scale the model by the measurements whose markers the file has."""
    text = (setup / "Scaling_Setup_Pose2Sim_Halpe26.xml").read_text()

    def keep(match: re.Match[str]) -> str:
        pairs = re.findall(r"<markers>\s*(\S+)\s+(\S+)\s*</markers>", match[0])
        return match[0] if {name for pair in pairs for name in pair} <= {*labels} else ""

    text = re.sub(r"<Measurement name=.*?</Measurement>", keep, text, flags=re.S)
    head, _, placer = text.partition("<MarkerPlacer>")
    head = fill(head, "model_file", setup / "Model_Pose2Sim_simple.osim")
    head = fill(head, "marker_set_file", setup / "Markers_Halpe26.xml")
    head = fill(head, "scaling_order", "measurements")
    head = fill(fill(head, "marker_file", os.path.relpath(trc, out)), "time_range", span)
    head = fill(head, "output_model_file", "scaled.osim")  # from the setup's folder
    placer = fill(placer, "apply", "false")
    (out / "scale.xml").write_text(f"{head}<MarkerPlacer>{placer}")
    opensim.ScaleTool(str(out / "scale.xml")).run()


def solve(trc: Path, setup: Path, out: Path, labels: list[str], span: str) -> list[float]:
    """Solve inverse kinematics; return the RMS error over the markers of each frame, in metres."""
    text = (setup / "IK_Setup_Pose2Sim_Halpe26.xml").read_text()

    def keep(match: re.Match[str]) -> str:
        return match[0] if match[1] in labels else ""

    task = r'<IKMarkerTask name="(\w+)">.*?</IKMarkerTask>'
    text = re.sub(task, keep, text, flags=re.S)
    text = fill(fill(text, "model_file", out / "scaled.osim"), "marker_file", trc)
    text = fill(fill(text, "time_range", span), "results_directory", out)
    (out / "ik.xml").write_text(fill(text, "output_motion_file", out / "ik.mot"))
    opensim.InverseKinematicsTool(str(out / "ik.xml")).run()
    (report,) = out.glob("*_ik_marker_errors.sto")
    errors = opensim.TimeSeriesTable(str(report))
    column = list(errors.getColumnLabels()).index("marker_error_RMS")
    return errors.getMatrix().to_numpy()[:, column].tolist()


def fill(text: str, tag: str, value: object) -> str:
    """Put a value into the first element of a tag."""
    pattern = rf"<{tag}>.*?</{tag}>|<{tag} ?/>"
    return re.sub(pattern, lambda _: f"<{tag}>{value}</{tag}>", text, count=1, flags=re.S)


if __name__ == "__main__":
    main(*(Path(each).resolve() for each in sys.argv[1:4]))
