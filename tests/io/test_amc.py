"""The ASF/AMC reader: rest poses, single turns, and an excerpt of the CMU database."""

from pathlib import Path

import numpy as np
import pytest
from paths import DATA, GOLDEN

from tcpformer.io.amc import read_acclaim

FIGURE = """# a comment
:version 1.10
:units
  mass 1.0
  length 0.5
  angle deg
:root
  order TX TY TZ RX RY RZ
  axis XYZ
  position 0 1 0
  orientation 0 0 0
:bonedata
  begin
    id 2
    name fore
    direction 1 0 0
    length 2
    axis 0 0 90 XYZ
    dof rx
    limits (-10.0 10.0)
  end
  begin
    id 1
    name upper
    direction 0 1 0
    length 3
    axis 0 0 0 XYZ
    dof rx ry rz
    limits (-1 1)
      (-1 1)
      (-1 1)
  end
:hierarchy
  begin
    root upper
    upper fore
  end
"""
STILL = "root 0 0 0 0 0 0\nupper 0 0 0\nfore 0\n"


def pair(folder: Path, frame: str, figure: str = FIGURE, frames: int = 1) -> tuple[Path, Path]:
    (folder / "a.asf").write_text(figure)
    body = "".join(f"{i + 1}\n{frame}" for i in range(frames))
    (folder / "a.amc").write_text("#!OML:ASF a.asf\n:FULLY-SPECIFIED\n:DEGREES\n" + body)
    return folder / "a.asf", folder / "a.amc"


# Laws


def test_read_acclaim_bones_are_rigid() -> None:
    capture = read_acclaim(DATA / "02.asf", DATA / "02_03.amc")
    assert capture.xyz.shape == (64, 31, 3)
    for joint, parent in enumerate(capture.parents[1:], 1):
        bone = np.linalg.norm(capture.xyz[:, joint] - capture.xyz[:, parent], axis=-1)
        np.testing.assert_allclose(bone, bone[0], rtol=1e-9)
    femur = capture.joints.index("lfemur")
    length = np.linalg.norm(capture.xyz[0, femur] - capture.xyz[0, capture.parents[femur]])
    assert length == pytest.approx(7.59371 / 0.45, rel=1e-5)


def test_read_acclaim_takes_bones_in_any_order(tmp_path: Path) -> None:
    lines = "root 1 2 3 10 20 30\nupper 5 6 7\nfore 8\n"
    usual = read_acclaim(*pair(tmp_path, lines))
    shuffled = read_acclaim(*pair(tmp_path, "".join(reversed(lines.splitlines(keepends=True)))))
    np.testing.assert_array_equal(usual.xyz, shuffled.xyz)


def test_read_acclaim_takes_radians(tmp_path: Path) -> None:
    degrees = read_acclaim(*pair(tmp_path, "root 1 2 3 90 0 0\nupper 0 45 0\nfore 30\n"))
    turn = np.pi / 180
    figure = FIGURE.replace("angle deg", "angle rad").replace("0 0 90 XYZ", f"0 0 {90 * turn} XYZ")
    frame = f"root 1 2 3 {90 * turn} 0 0\nupper 0 {45 * turn} 0\nfore {30 * turn}\n"
    np.testing.assert_allclose(read_acclaim(*pair(tmp_path, frame, figure)).xyz, degrees.xyz)


# Closed forms


def test_read_acclaim_at_rest_has_the_directions_of_the_asf(tmp_path: Path) -> None:
    capture = read_acclaim(*pair(tmp_path, STILL, frames=3), fps=60.0)
    assert capture.joints == ("root", "upper", "fore")
    assert capture.parents == (-1, 0, 1)
    assert capture.fps == 60
    rest = np.array([[0, 1, 0], [0, 4, 0], [2, 4, 0]]) / 0.5
    np.testing.assert_allclose(capture.xyz, np.broadcast_to(rest, (3, 3, 3)), atol=1e-12)


def test_read_acclaim_turns_bones_about_their_axes(tmp_path: Path) -> None:
    # The axes of "fore" are turned by 90 degrees about z: its x is the world's y.
    capture = read_acclaim(*pair(tmp_path, STILL.replace("fore 0", "fore 90")))
    np.testing.assert_allclose(capture.xyz[0, 2] * 0.5, [0, 4, -2], atol=1e-12)


def test_read_acclaim_turns_about_fixed_axes_in_order(tmp_path: Path) -> None:
    # x first takes the bone from y to z, then y takes it from z to x; z would be another end.
    capture = read_acclaim(*pair(tmp_path, STILL.replace("upper 0 0 0", "upper 90 90 0")))
    np.testing.assert_allclose(capture.xyz[0, 1] * 0.5, [3, 1, 0], atol=1e-12)


def test_read_acclaim_root_moves_and_turns_all(tmp_path: Path) -> None:
    capture = read_acclaim(*pair(tmp_path, STILL.replace("root 0 0 0 0", "root 1 2 3 90")))
    expected = np.array([[1, 3, 3], [1, 3, 6], [3, 3, 6]]) / 0.5
    np.testing.assert_allclose(capture.xyz[0], expected, atol=1e-12)


def test_read_acclaim_root_has_its_own_order(tmp_path: Path) -> None:
    figure = FIGURE.replace("order TX TY TZ RX RY RZ", "order RX RY RZ TZ TY TX")
    turned = read_acclaim(
        *pair(tmp_path, STILL.replace("root 0 0 0 0 0 0", "root 90 0 0 3 2 1"), figure)
    )
    usual = read_acclaim(*pair(tmp_path, STILL.replace("root 0 0 0 0", "root 1 2 3 90")))
    np.testing.assert_allclose(turned.xyz, usual.xyz)


# Golden


def test_read_acclaim_of_the_database_in_metres() -> None:
    capture = read_acclaim(DATA / "02.asf", DATA / "02_03.amc")
    golden = np.load(GOLDEN / "mocap_cmu.npz")
    hips = [capture.joints.index(joint) for joint in ("lhipjoint", "rhipjoint")]
    x, y, z = np.moveaxis(capture.xyz[::12, hips].mean(axis=1) * 0.0254, -1, 0)
    root = golden["root_02_03"][::5] * 1e-4  # 50 fps against 120: every tenth of a second
    np.testing.assert_allclose(np.stack([x, -z, y], axis=-1), root, atol=1e-4)


# Errors


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (":bonedata", ":bones"),
        ("length 3", "long 3"),
        ("direction 0 1 0", "direction 0 1"),
        ("dof rx ry rz", "dof rx ry l"),
        ("root upper", "root middle"),
        ("axis XYZ", "axis ABC"),
        ("name upper", ""),
        ("length 0.5", "length 0"),
        ("length 0.5", "length nan"),
        ("length 3", "length inf"),
        ("direction 0 1 0", "direction 0 1e999 0"),
        ("upper fore", "upper fore\n    fore root"),
        ("dof rx ry rz", "dof rx ry rx"),
        ("order TX", "order T"),
    ],
)
def test_read_acclaim_names_a_malformed_asf(old: str, new: str, tmp_path: Path) -> None:
    assert old in FIGURE
    with pytest.raises(ValueError, match=r"a\.asf: not a well-formed ASF file"):
        read_acclaim(*pair(tmp_path, STILL, FIGURE.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new"),
    [("fore", "hand"), ("fore 0", "fore 0 0"), ("fore 0\n", ""), (STILL, ""), ("fore 0", "fore x"),
     ("fore 0", "fore nan")],
)  # fmt: skip
def test_read_acclaim_names_a_malformed_amc(old: str, new: str, tmp_path: Path) -> None:
    asf, amc = pair(tmp_path, STILL)
    amc.write_text(amc.read_text().replace(old, new))
    with pytest.raises(ValueError, match=r"a\.amc: not a motion of the figure"):
        read_acclaim(asf, amc)
