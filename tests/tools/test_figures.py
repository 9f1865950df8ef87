"""The tool that draws the figures of the docs."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from mocaps import mocap_file
from paths import EXCERPT, ROOT


@pytest.fixture
def figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load the tool; it draws into a temporary folder."""
    spec = importlib.util.spec_from_file_location("figures", ROOT / "tools" / "figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "FIGURES", tmp_path)
    return module


def test_draw_post_processing_draws_every_figure_of_the_docs(
    figures: ModuleType, tmp_path: Path
) -> None:
    figures.draw_post_processing()
    drawn = {path.name for path in (tmp_path / "post-processing").iterdir()}
    assert drawn == {path.name for path in (ROOT / "docs/figures/post-processing").iterdir()}


def test_draw_engine_draws_three_rows_of_four(figures: ModuleType, tmp_path: Path) -> None:
    figures.draw_engine(mocap_file(tmp_path / "mocap.npz"))
    image = figures.cv2.imread(str(tmp_path / "engine_people.png"))
    assert image.shape == (3 * 230, 4 * 230, 3)
    assert not np.array_equal(image[:230], image[230:460])


def test_describe_of_an_upright_pose(figures: ModuleType) -> None:
    content = np.load(EXCERPT)
    true, rotation = content["relative"][:20] * 1e-4, content["rotation"][0]
    upright, along, down, speed = figures.describe(true, rotation, 25.0)
    assert 0 <= upright < 90
    assert 0 < along < 100
    assert -90 <= down <= 90
    still = figures.describe(np.repeat(true[:1], 5, axis=0), rotation, 25.0)
    assert still[3] == 0 < speed
