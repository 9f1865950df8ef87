"""Training clips and validation clips of every kind of data."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pytest
import torch
from mocaps import mocap_file
from trainings import MOCAP, OWN, TINY, data_of, shrunk

from tcpformer.datasets.clip_batch import ClipBatch
from tcpformer.skeleton import BODY_26, GROUPS, H36M
from tcpformer.training import data as sources
from tcpformer.training.config import Data, TrainConfig
from tcpformer.training.data import ProcessBatches, VideoSource, open_source

SH, CPN, THREED = (
    shrunk("h36m-81"),
    replace(shrunk("h36m-81"), data="h36m-cpn"),
    shrunk("3dhp-9"),
)
FILMED = replace(MOCAP, camera_domain="as-filmed")
CONFIGS = {"mocap": MOCAP, "own": OWN, "h36m-sh": SH, "h36m-cpn": CPN, "3dhp": THREED}


@pytest.fixture(autouse=True)
def _few_val_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "VALIDATION_CLIPS", 64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


def opened(config: TrainConfig, folder: Path) -> VideoSource:
    source = open_source(config, data_of(config.data, folder / config.data))
    assert isinstance(source, VideoSource)
    return source


def arrays(clips: ClipBatch) -> tuple[np.ndarray, ...]:
    return clips.xyc, clips.flat, clips.xyz


@pytest.mark.parametrize("kind", get_args(Data))
def test_batch_depends_on_number_and_seed(kind: Data, folder: Path) -> None:
    config, data = CONFIGS[kind], data_of(kind, folder / kind)
    one, other = open_source(config, data), open_source(config, data)
    first, again = one.batch(3, 4), (other.batch(2, 4), other.batch(3, 4))[1]
    for a, b in zip(arrays(first), arrays(again), strict=True):
        assert a.shape == (4, 9, 17, 3)
        np.testing.assert_array_equal(a, b)
    reseeded = open_source(replace(config, seed=config.seed + 1), data).batch(3, 4)
    assert (reseeded.xyc != first.xyc).any()
    assert (one.batch(4, 4).xyc != first.xyc).any()


def test_batch_of_camera_domains_differs_and_is_reproducible(folder: Path) -> None:
    data = data_of("mocap", folder / "mocap")
    plain, filmed = (open_source(config, data).batch(3, 4) for config in (MOCAP, FILMED))
    assert (plain.xyc != filmed.xyc).any()
    assert filmed.xyc.shape == (4, 9, 17, 3)
    for a, b in zip(arrays(open_source(FILMED, data).batch(3, 4)), arrays(filmed), strict=True):
        np.testing.assert_array_equal(a, b)
    reseeded = open_source(replace(FILMED, seed=1), data).batch(3, 4)
    assert (reseeded.xyc != filmed.xyc).any()


def test_batch_of_mixed_domain_is_half_of_each(folder: Path) -> None:
    data = data_of("mocap", folder / "mocap")
    mixed = open_source(replace(MOCAP, camera_domain="mixed"), data)
    plain, filmed = open_source(MOCAP, data).batch(3, 3), open_source(FILMED, data).batch(3, 2)
    for a, b, both in zip(*map(arrays, (plain, filmed, mixed.batch(3, 5))), strict=True):
        np.testing.assert_array_equal(both, np.concatenate([a, b]))
    assert len(mixed.batch(0, 1).xyc) == 1
    assert set(mixed.val_clips) == {"clean", "noisy", "filmed"}


@pytest.mark.parametrize("footage", ["benchmark-like", "as-filmed"])
@pytest.mark.parametrize("field", ["limb_swap_prob", "tilt_prob"])
def test_augmentation_leaves_val_clips_unchanged(
    footage: Literal["benchmark-like", "as-filmed"], field: str, folder: Path
) -> None:
    data = data_of("mocap", folder / "mocap")
    config = replace(MOCAP, camera_domain=footage)
    plain, new = (open_source(replace(config, **{field: share}), data) for share in (0.0, 1.0))
    assert (plain.batch(0, 8).xyz != new.batch(0, 8).xyz).any()
    for a, b in zip(arrays(new.batch(0, 8)), arrays(new.batch(0, 8)), strict=True):
        np.testing.assert_array_equal(a, b)
    for kind, clips in plain.val_clips.items():
        np.testing.assert_array_equal(clips.xyz, new.val_clips[kind].xyz)


def test_val_clips_are_the_same_for_all_camera_domains(folder: Path) -> None:
    data = data_of("mocap", folder / "mocap")
    one, other = (open_source(config, data).val_clips for config in (MOCAP, FILMED))
    for kind in ("clean", "noisy"):
        np.testing.assert_array_equal(one[kind].xyc, other[kind].xyc)
    assert (other["filmed"].xyc[..., 2] == 0).any()


def test_every_epoch_has_every_clip_once(folder: Path) -> None:
    """Whatever the size of the batches, also where it does not divide the pass."""
    source = opened(OWN, folder)
    known = source.videos.cut_clips(source.starts, 9, "centered-camera").xyz
    for turn in range(2):
        rows = [
            source.batch(n, 1)
            for n in range(turn * source.clips_per_epoch, (turn + 1) * source.clips_per_epoch)
        ]
        seen = [unmirrored(clips.xyz[0], known) for clips in rows]
        assert sorted(seen) == list(range(source.clips_per_epoch))
    one = [source.batch(n, 3) for n in range(8)]
    other = [source.batch(n, 12) for n in range(2)]
    np.testing.assert_array_equal(
        np.concatenate([c.xyc for c in one]), np.concatenate([c.xyc for c in other])
    )


def unmirrored(xyz: np.ndarray, known: np.ndarray) -> int:
    """Which of the known clips it is, or whose mirror image."""
    mirrored = xyz[:, list(H36M.mirror)] * np.array([-1, 1, 1])
    errors = [np.abs(known - x).max(axis=(1, 2, 3)) for x in (xyz, mirrored)]
    return int(np.minimum(*errors).argmin())


def test_half_of_the_clips_are_mirrored(folder: Path) -> None:
    source = opened(OWN, folder)
    turned = np.concatenate([source._shuffled(turn)[:, 2] for turn in range(40)])
    assert 0.4 < turned.mean() < 0.6
    rows = source._shuffled(0)
    plain = source.videos.cut_clips(rows[:, :2], 9, "centered-camera").xyz
    batch = source.batch(0, source.clips_per_epoch).xyz
    same = [np.array_equal(a, b) for a, b in zip(batch, plain, strict=True)]
    np.testing.assert_array_equal(same, rows[:, 2] == 0)


def test_hop_is_a_third_of_a_clip_by_default(folder: Path) -> None:
    starts = opened(OWN, folder).starts[:, 1]
    assert set(np.diff(starts[:6])) == {3}
    starts = opened(replace(OWN, hop=5), folder).starts[:, 1]
    assert set(np.diff(starts[:6])) == {5}


def test_wide_frame_steps_stay_within_a_sequence(folder: Path) -> None:
    """No frame is repeated to fill a clip, even at the widest spacing."""
    source = opened(replace(OWN, frame_step=(1, 3)), folder)
    lengths = source.videos.lengths[source.starts[:, 0]]
    assert (source.starts[:, 1] + 3 * 8 < lengths).all()
    spans = {
        round(float(np.abs(np.diff(source.batch(n, 1).xyz, axis=1)).mean()), 4) for n in range(9)
    }
    assert len(spans) > 3


@pytest.mark.parametrize("config", [SH, CPN, THREED], ids=lambda config: config.data)
def test_validation_subjects_are_not_trained_on(config: TrainConfig, folder: Path) -> None:
    source = opened(config, folder)
    assert "S8" not in source.videos.subjects
    assert list(source.val_clips) == ["val"]
    for select in ("test", "last"):
        without = opened(replace(config, checkpoint_selection=select), folder)
        assert without.videos.subjects == source.videos.subjects
        assert without.val_clips == {}
        whole = opened(replace(config, checkpoint_selection=select, val_subjects=()), folder)
        assert "S8" in whole.videos.subjects
        assert whole.clips_per_epoch > source.clips_per_epoch
    with pytest.raises(ValueError, match=r"expected subjects among .*'S8'.*got \['S2'\]"):
        opened(replace(config, val_subjects=("S2",)), folder)


@pytest.mark.parametrize(
    ("config", "kinds"),
    [
        (replace(OWN, checkpoint_selection="validation"), ["val"]),
        (replace(OWN, checkpoint_selection="test"), ["test"]),
        (OWN, []),
        (MOCAP, ["clean", "noisy"]),
        (FILMED, ["clean", "noisy", "filmed"]),
        (replace(MOCAP, checkpoint_selection="last"), []),
    ],
)
def test_val_clips_come_from_the_selected_split(
    config: TrainConfig, kinds: list[str], folder: Path
) -> None:
    source = open_source(config, data_of(config.data, folder / config.data))
    assert list(source.val_clips) == kinds
    for clips in source.val_clips.values():
        assert len(clips.xyc) > 0


def test_error_scale_follows_the_data(folder: Path) -> None:
    assert opened(OWN, folder).error_scale == 1000
    assert opened(CPN, folder).error_scale == 1000
    assert opened(THREED, folder).error_scale == pytest.approx(1024)
    assert opened(SH, folder).error_scale == pytest.approx(500)  # pixels, of images 1000 wide


def test_spec_describes_the_training_data(folder: Path) -> None:
    assert opened(SH, folder).spec.unit == "screen"
    assert opened(THREED, folder).spec.skeleton == "mpi-inf-3dhp"
    assert opened(replace(OWN, normalization="screen"), folder).spec.normalization == "screen"
    assert opened(replace(OWN, frame_step=(2, 4)), folder).spec.frame_step == 3


def test_ground_truth_has_confidence_1(folder: Path) -> None:
    assert (opened(replace(SH, ground_truth=True), folder).batch(0, 4).xyc[..., 2] == 1).all()
    assert (opened(SH, folder).batch(0, 4).xyc[..., 2] != 1).any()


def test_open_source_names_missing_data(tmp_path: Path) -> None:
    for config in (MOCAP, SH, CPN, THREED):
        with pytest.raises((FileNotFoundError, ValueError), match="nowhere"):
            open_source(config, tmp_path / "nowhere")


@pytest.mark.parametrize("config", [OWN, replace(MOCAP, camera_domain="mixed", batch_size=4)])
def test_process_batches_can_be_pickled(config: TrainConfig, tmp_path: Path) -> None:
    parts = ProcessBatches(open_source(config, data_of(config.data, tmp_path)), 4, 1, 2)
    sent = pickle.loads(pickle.dumps(parts))
    for one, other in zip(parts[3], sent[3], strict=True):
        assert torch.equal(one, other)
        assert len(one) == 4


@pytest.mark.parametrize("footage", ["benchmark-like", "as-filmed"])
def test_batch_of_26_joints_marks_unknown_truth(
    footage: Literal["benchmark-like", "as-filmed"], tmp_path: Path
) -> None:
    """The 2D has no gap: joints that are missing hang on their parents with confidence 0."""
    flags = {"has_feet": np.array([False, True, True])}
    data = mocap_file(tmp_path / "mocap.npz", groups=True, **flags)
    config = replace(MOCAP, network=replace(TINY, joints=26), camera_domain=footage)
    source = open_source(config, data)
    clips = source.batch(0, 24)
    assert source.spec.skeleton == "body26"
    assert clips.xyc.shape == (24, 9, 26, 3)
    assert np.isfinite(clips.xyc).all()
    unknown = np.asarray(np.isnan(clips.xyz).all(axis=(1, 3)))
    assert unknown[:, GROUPS["feet"]].any()
    assert not unknown[:, GROUPS["feet"]].all()
    assert not np.delete(unknown, GROUPS["feet"], axis=1).any()
    assert (clips.xyc[..., 2].swapaxes(1, 2)[unknown] == 0).all()
    never = (clips.xyc[..., 2] == 0).all(axis=1) & (np.arange(26) >= 17)
    i, j = np.nonzero(never)
    parents = np.array(BODY_26.parents)
    np.testing.assert_array_equal(clips.xyc[i, :, j, :2], clips.xyc[i, :, parents[j], :2])


def test_source_of_17_joints_refuses_a_network_of_26(folder: Path) -> None:
    config = replace(MOCAP, network=replace(TINY, joints=26))
    with pytest.raises(ValueError, match="network has 26 joints, the motion 17"):
        open_source(config, data_of("mocap", folder / "mocap"))


def test_source_of_26_joints_trains_a_network_of_17(tmp_path: Path) -> None:
    data = mocap_file(tmp_path / "mocap.npz", groups=True)
    source = open_source(MOCAP, data)
    assert source.batch(0, 4).xyc.shape == (4, 9, 17, 3)
    assert source.spec.skeleton == "h36m"


def test_val_clips_have_confidence_one_where_training_blurs(folder: Path) -> None:
    data = data_of("mocap", folder / "mocap")
    clips = open_source(replace(MOCAP, blur_prob=0.5), data).val_clips
    assert (clips["sure"].xyc[..., 2] == 1).all()
    np.testing.assert_array_equal(clips["sure"].xyc[..., :2], clips["noisy"].xyc[..., :2])
