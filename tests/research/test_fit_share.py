"""The share of the correction, fitted to features that were kept."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mocaps import mocap_file

from research.fit_share import Clips, errors, fit, main
from tcpformer.models.checkpoint import load_model, save_model
from tcpformer.models.pose_transformer import Config as PosesConfig
from tcpformer.models.whole_body import Config, WholeBody
from tcpformer.weights import WeightsSpec


def made_clips(count: int, *, needed: bool) -> Clips:
    """Clips whose second feature tells whether the body is off by the correction, or right."""
    true = torch.randn(count, 3, 17, 3)
    correction = 0.3 * torch.randn(count, 3, 17, 3)
    features = torch.randn(count, 4)
    features[:, 1] = 2.0 if needed else -2.0
    return Clips(features, true - correction if needed else true, correction, true)


def test_errors_are_zero_at_the_share_that_is_needed() -> None:
    for needed in (True, False):
        clips = made_clips(5, needed=needed)
        assert errors(clips, torch.full((5,), float(needed))).max() < 1e-3
        assert errors(clips, torch.full((5,), 0.5)).min() > 10


def test_errors_do_not_see_the_scale() -> None:
    clips = made_clips(5, needed=True)
    small = clips._replace(body=0.5 * clips.body, correction=0.5 * clips.correction)
    share = torch.full((5,), 0.7)
    torch.testing.assert_close(errors(small, share), errors(clips, share))


def test_fit_finds_the_feature_that_tells() -> None:
    torch.manual_seed(0)
    groups = [(1.0, {"a": made_clips(40, needed=True), "b": made_clips(40, needed=False)})]
    weight, bias = fit(groups, penalty=0.003)
    for needed in (True, False):
        share = (made_clips(9, needed=needed).features @ weight + bias).sigmoid()
        assert (share > 0.9).all() if needed else (share < 0.1).all()


def test_fit_weighs_groups() -> None:
    """Both have the same features, and need opposite shares."""
    torch.manual_seed(0)
    kinds: dict[str, Clips] = {}
    for name, needed in (("needed", True), ("not", False)):
        clips = made_clips(40, needed=needed)
        kinds[name] = clips._replace(features=torch.zeros_like(clips.features))
    for part, more in ((9.0, True), (1 / 9, False)):
        groups = [(part, {"a": kinds["needed"]}), (1.0, {"a": kinds["not"]})]
        _, bias = fit(groups, penalty=0.03)
        assert (bias > 1) == more


def test_fit_share_changes_the_share_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"frames": 9, "layers": 1, "width": 8, "heads": 2, "channels": 4}
    model = WholeBody(
        Config(
            body=PosesConfig(**sizes, joints=17),
            more=PosesConfig(**sizes, joints=26),
            body_model="pose-transformer",
        )
    )
    for weights in model.correct.parameters():
        torch.nn.init.normal_(weights, std=0.1)
    spec = WeightsSpec(skeleton="body26", fps=50.0, frame_step=2)
    save_model(model, tmp_path / "before", spec=spec)
    data = mocap_file(tmp_path / "mocap.npz", groups=True)
    given = ["--data", str(data), "train", "1", "--data", str(data), "val", "2"]
    main([str(tmp_path / "before"), str(tmp_path / "after"), *given, "--clips", "24"])
    before, after = (load_model(tmp_path / name).state_dict() for name in ("before", "after"))
    changed = {key for key, value in after.items() if not torch.equal(value, before[key])}
    assert changed == {"share.weight", "share.bias"}
    assert "after: " in capsys.readouterr().out


def test_fit_share_refuses_other_networks(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="expected weights of a `WholeBody`"):
        main(["live", str(tmp_path / "out"), "--data", "none.npz", "train", "1"])
    assert not (tmp_path / "out").exists()
