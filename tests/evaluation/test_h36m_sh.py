"""Protocol of MotionBERT and TCPFormer on Human3.6M."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from paths import GOLDEN
from synthetic import Reads, ReadsCenter, Video, sh_file

from tcpformer.datasets.h36m_sh import load_h36m_sh_test, scored_clip_indices
from tcpformer.evaluation.h36m_sh import evaluate_h36m_sh
from tcpformer.models.checkpoint import load_model

VIDEOS: list[Video] = [
    ("s_09_act_02_subact_01_ca_01", "Directions", 20),
    ("s_09_act_02_subact_01_ca_02", "Directions", 9),
    ("s_09_act_05_subact_02_ca_03", "Greeting", 18),
    ("s_11_act_05_subact_01_ca_04", "Greeting", 30),
]


class Off(Reads):
    """Says what it reads, some way off, along the depth: in half image widths, all but the hip."""

    def __init__(self, way: Callable[[torch.Tensor], torch.Tensor], frames: int = 9) -> None:
        super().__init__(frames)
        self.way = way

    def forward(self, xyc: torch.Tensor, *, skip_local: bool = False) -> torch.Tensor:
        found = super().forward(xyc)
        return found + torch.tensor([0.0, 0.0, 1.0]) * self.way(found)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return sh_file(tmp_path / "h36m.pkl", VIDEOS)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("kind", [Reads, ReadsCenter])
def test_evaluate_h36m_sh_is_zero_for_the_truth(
    file: Path, kind: Callable[[], Reads], flip: bool
) -> None:
    report = evaluate_h36m_sh(kind(), file, flip=flip)
    # Float32, at a scale of some thousand millimetres.
    for score in ("mpjpe", "p_mpjpe", "n_mpjpe"):
        assert report.scores[score] == pytest.approx(0, abs=1e-2)
    assert report.scores["frames"] == 18 + 9 + 27
    assert [row["frames"] for row in report.tables["action"].values()] == [27, 27]


def test_evaluate_h36m_sh_scales_by_the_factor_of_each_frame(file: Path) -> None:
    test = load_h36m_sh_test(file)
    report = evaluate_h36m_sh(Off(lambda x: torch.full_like(x, 0.01)), file, flip=False)
    # 0.01 half widths of 500 pixels; the hip is put back to 0.
    directions = np.append(test.factors[:18], test.factors[20:29]).mean()
    greeting = np.asarray(test.factors[47 : 47 + 27]).mean()
    rows = report.tables["action"]
    assert rows["Directions"]["mpjpe"] == pytest.approx(5 * 16 / 17 * directions, rel=1e-4)
    assert rows["Greeting"]["mpjpe"] == pytest.approx(5 * 16 / 17 * greeting, rel=1e-4)
    mean = (rows["Directions"]["mpjpe"] + rows["Greeting"]["mpjpe"]) / 2
    assert report.scores["mpjpe"] == pytest.approx(mean)


@pytest.mark.parametrize("score", ["mpjpe", "n_mpjpe", "p_mpjpe"])
def test_evaluate_h36m_sh_scale_error_counts_in_mpjpe_only(file: Path, score: str) -> None:
    class Larger(Reads):
        def forward(self, xyc: torch.Tensor, *, skip_local: bool = False) -> torch.Tensor:
            return 1.1 * super().forward(xyc)

    found = evaluate_h36m_sh(Larger(), file).scores[score]
    assert (found > 50) if score == "mpjpe" else (found < 1e-2)


def test_evaluate_h36m_sh_has_both_accelerations(file: Path) -> None:
    network = Off(lambda x: 0.01 * (torch.arange(9) % 2).reshape(1, 9, 1, 1))
    scores = evaluate_h36m_sh(network, file, flip=False).scores
    released, proper = scores["acceleration_error_released"], scores["acceleration_error"]
    assert proper == pytest.approx(released * 9 / 7 * 50**2)
    assert scores["mpjve"] > 0


def test_evaluate_h36m_sh_counts_repeated_frames_once(tmp_path: Path) -> None:
    videos: list[Video] = [
        ("s_09_act_02_subact_01_ca_01", "Directions", 5),
        ("s_11_act_02_subact_01_ca_01", "Directions", 5),
    ]
    file = sh_file(tmp_path / "h36m.pkl", videos)
    # As far off as the number of the frame in the clip says.
    network = Off(lambda x: 0.01 * torch.arange(9).reshape(1, 9, 1, 1).float())
    report = evaluate_h36m_sh(network, file, flip=False)
    clip = scored_clip_indices(5, 9, np.random.default_rng(0))[0]
    factors = load_h36m_sh_test(file).factors
    errors = [5 * 16 / 17 * factors[i] * np.flatnonzero(clip == i).mean() for i in set(clip)]
    assert report.scores["mpjpe"] == pytest.approx(np.mean(errors), rel=1e-4)
    assert report.scores["frames"] == len(set(clip)), (
        "the last video of the file is never stretched"
    )


def test_evaluate_h36m_sh_ground_truth_input_and_overwrite(file: Path) -> None:
    """With no depth found, x and y overwritten leave the error of depth; else all is scored."""

    class Silent(Reads):
        seen: torch.Tensor

        def forward(self, xyc: torch.Tensor, *, skip_local: bool = False) -> torch.Tensor:
            self.seen = xyc
            return torch.zeros_like(xyc)

    network = Silent()
    true = load_h36m_sh_test(file).millimetres[47 : 47 + 27]
    true = true - true[:, :1]
    given = evaluate_h36m_sh(network, file, ground_truth="input")
    assert (network.seen[..., 2] == 1).all()
    over = evaluate_h36m_sh(network, file, ground_truth="overwrite")
    full = np.linalg.norm(true, axis=-1).mean()
    assert given.tables["action"]["Greeting"]["mpjpe"] == pytest.approx(full, rel=1e-4)
    depth = np.abs(true[..., 2]).mean()
    assert over.tables["action"]["Greeting"]["mpjpe"] == pytest.approx(depth, rel=1e-4)
    assert "overwritten" in over.title
    assert "overwritten" not in given.title


def test_evaluate_h36m_sh_reports_progress(file: Path) -> None:
    calls: list[tuple[int, int]] = []
    evaluate_h36m_sh(Reads(), file, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_evaluate_h36m_sh_refuses_nothing_to_score(tmp_path: Path) -> None:
    file = sh_file(tmp_path / "h36m.pkl", VIDEOS[2:3])
    with pytest.raises(ValueError, match="no video was scored"):
        evaluate_h36m_sh(Reads(), file)


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden file, and a released checkpoint beside it."""
    folder = tmp_path_factory.mktemp("golden")
    with np.load(GOLDEN / "tcpformer_L2_d32_T27.npz") as data:
        state = {k[6:]: torch.from_numpy(data[k]) for k in data if k.startswith("state/")}
    torch.save(state, folder / "a.pth")
    return Path(shutil.copy(GOLDEN / "h36m_sh_synthetic.pkl", folder))


@pytest.mark.parametrize(
    ("entry", "flip"),
    [
        pytest.param(
            "h36m_sh_synthetic.pkl with tcpformer_L2_d32_T27.npz, flip averaging",
            True,
            marks=pytest.mark.slow,
        ),
        ("the same without flip averaging", False),
    ],
)
def test_evaluate_h36m_sh_equals_the_released_code(golden: Path, entry: str, flip: bool) -> None:
    wanted = json.loads((GOLDEN / "evaluation.json").read_text())[entry]
    model = load_model(golden.with_name("a.pth"), heads=4)
    report = evaluate_h36m_sh(model, golden, flip=flip)
    assert report.scores["mpjpe"] == pytest.approx(wanted["mpjpe"], abs=1e-2)
    assert report.scores["p_mpjpe"] == pytest.approx(wanted["p_mpjpe"], abs=1e-2)
    released = report.scores["acceleration_error_released"]
    assert released == pytest.approx(wanted["acceleration_error"], abs=1e-2)
    joints = [row["mpjpe"] for row in report.tables["joint"].values()]
    np.testing.assert_allclose(joints, wanted["per_joint"], atol=1e-2)
    assert np.mean(joints) == pytest.approx(report.scores["mpjpe"])
