"""Videos: tiny files are written and read back; broken files are refused."""

import collections
import gc
import os
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from time import sleep
from typing import Literal

import av
import av.container
import numpy as np
import pytest
from av.stream import Disposition
from paths import CASES, SAMPLE

import tcpformer.io.video
from tcpformer.io.video import Frame, _next_time, check_local, open_video, write_video

W, H = 64, 48
CORNERS = {
    "red": (220, 20, 20),
    "green": (20, 220, 20),
    "blue": (20, 20, 220),
    "dark": (10, 10, 10),
}


def picture(blue: int = 220, size: tuple[int, int] = (W, H)) -> np.ndarray:
    """Red and green above, blue and dark below."""
    w, h = size
    image = np.full((h, w, 3), CORNERS["dark"], np.uint8)
    image[: h // 2, : w // 2], image[: h // 2, w // 2 :] = CORNERS["red"], CORNERS["green"]
    image[h // 2 :, : w // 2] = (20, 20, blue)
    return image


def frames(times: Sequence[float] | np.ndarray, size: tuple[int, int] = (W, H)) -> Iterator[Frame]:
    for i, time in enumerate(times):
        yield Frame(i, float(time), picture(100 + 5 * (i % 30), size))


def corners(image: np.ndarray) -> list[str]:
    """Names of the colours: top left, top right, bottom left, bottom right."""
    h, w = image.shape[:2]
    names, values = list(CORNERS), np.array(list(CORNERS.values()))
    spots = [image[y, x] for y in (h // 4, 3 * h // 4) for x in (w // 4, 3 * w // 4)]
    return [names[int(np.abs(values - spot).sum(axis=1).argmin())] for spot in spots]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted by Linux")
def test_threads_do_not_pile_up_with_pictures(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames(np.arange(40) / 25), 25.0)
    counts, images = list[int](), list[np.ndarray]()
    gc.disable()
    try:
        for frame in open_video(tmp_path / "a.mp4").frames():
            images.append(frame.image)
            counts.append(len(os.listdir("/proc/self/task")))
    finally:
        gc.enable()
    assert len(images) == 40
    assert counts[-1] <= counts[1] + 4


def test_decoded_pictures_do_not_wait_for_garbage_collection(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames(np.arange(40) / 25), 25.0)
    gc.collect()
    gc.disable()
    try:
        assert sum(frame.image.any() for frame in open_video(tmp_path / "a.mp4").frames()) == 40
        left = sum(type(each) is av.VideoFrame for each in gc.get_objects())
    finally:
        gc.enable()
    assert left < 5


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_frames_inverts_write_video(tmp_path: Path, suffix: str) -> None:
    times = np.arange(20) / 25
    write_video(tmp_path / f"a{suffix}", frames(times), 25.0)
    video = open_video(str(tmp_path / f"a{suffix}"))
    read = list(video.frames())
    assert (video.size, video.length, video.focal) == ((W, H), 20, None)
    assert video.fps == pytest.approx(25)
    assert [f.index for f in read] == list(range(20))
    # Matroska keeps milliseconds.
    np.testing.assert_allclose([f.time for f in read], times, atol=6e-4)
    for i, frame in enumerate(read):
        error = np.abs(frame.image.astype(float) - picture(100 + 5 * (i % 30)))
        assert error[4:20, 4:28].mean() < 4
        assert error[28:44, 4:28].mean() < 4
    assert [p.name for p in tmp_path.iterdir()] == [f"a{suffix}"]


def test_write_video_keeps_uneven_times(tmp_path: Path) -> None:
    steps = np.random.default_rng(0).uniform(0.01, 0.07, 39)
    times = np.concatenate([[0.0], np.cumsum(steps)])
    for name in ("a.mp4", "a.mkv"):
        write_video(tmp_path / name, frames(times), 30.0)
        video = open_video(tmp_path / name)
        np.testing.assert_allclose([f.time for f in video.frames()], times, atol=6e-4)
        assert video.fps == pytest.approx(39 / times[-1], rel=0.04)
        assert video.length == 40


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "late.mkv", "a.h264", "mpeg4.avi"])
def test_times_are_those_of_the_frames(name: str, tmp_path: Path) -> None:
    uneven = np.cumsum(np.random.default_rng(1).uniform(0.01, 0.07, 39))
    if name == "a.h264":
        encode(tmp_path / name, 12)
    elif name == "mpeg4.avi":
        encode(tmp_path / name, 12, codec="mpeg4")
    else:
        write_video(tmp_path / name, frames(uneven + 3 * (name == "late.mkv")), 30.0)
    video = open_video(tmp_path / name)
    np.testing.assert_array_equal(video.times(), [f.time for f in video.frames()])


def test_frames_every_third_keeps_index_time_and_image(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames(np.arange(11) / 30), 30.0)
    video = open_video(tmp_path / "a.mp4")
    whole, some = list(video.frames()), list(video.frames(every=3))
    assert [f.index for f in some] == [0, 3, 6, 9]
    for frame in some:
        assert frame.time == whole[frame.index].time
        np.testing.assert_array_equal(frame.image, whole[frame.index].image)
    with pytest.raises(ValueError, match="every"):
        next(video.frames(every=0))


def test_frames_of_a_late_start_begin_at_zero(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mkv", frames(5 + np.arange(6) / 25), 25.0)
    times = [f.time for f in open_video(tmp_path / "a.mkv").frames()]
    np.testing.assert_allclose(times, np.arange(6) / 25, atol=2e-3)


def test_open_video_of_a_stream_without_times_or_count(tmp_path: Path) -> None:
    encode(tmp_path / "a.h264", 12)
    video = open_video(tmp_path / "a.h264")
    times = np.array([f.time for f in video.frames()])
    assert video.length == len(times) == 12
    np.testing.assert_allclose(np.diff(times), 1 / video.fps, rtol=1e-6)


def stored(path: Path, aspect: str, rate: int = 25) -> Path:
    """Write five frames of which the left half is dark, with pixels of an aspect ratio."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate)
        stream.width, stream.height, stream.pix_fmt = 180, 144, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        for _ in range(5):
            image = np.zeros((144, 180, 3), np.uint8)
            image[:, 90:] = 255
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("aspect", "size"),
    [
        ("1/1", (180, 144)),
        ("64/45", (256, 144)),
        ("16/15", (192, 144)),
        ("8/9", (180, 162)),
        ("1/2", (180, 288)),
        ("40/33", (218, 144)),
    ],
)
def test_frames_have_square_pixels(tmp_path: Path, aspect: str, size: tuple[int, int]) -> None:
    video = open_video(stored(tmp_path / "a.mp4", aspect))
    assert video.size == size
    assert video.stored_size == (None if aspect == "1/1" else (180, 144))
    image = next(video.frames()).image
    assert image.shape == (size[1], size[0], 3)
    edge = (image[size[1] // 2, :, 0] > 128).argmax()
    assert abs(edge - size[0] / 2) <= 1


@pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared")
def test_open_video_corrects_the_case_of_a_broadcast_picture() -> None:
    video = open_video(CASES / "16-videos/sar.mp4")
    assert video.size == (1024, 576)
    assert next(video.frames()).image.shape == (576, 1024, 3)


@pytest.mark.parametrize("rate", [24, 30, 50])
@pytest.mark.parametrize("suffix", [".h264", ".mp4"])
def test_open_video_takes_the_rate_of_the_stream(tmp_path: Path, rate: int, suffix: str) -> None:
    video = open_video(stored(tmp_path / f"a{suffix}", "1/1", rate))
    assert video.fps == pytest.approx(rate)
    assert [f.time for f in video.frames()] == pytest.approx([i / rate for i in range(5)])


@pytest.mark.parametrize("how", [{"fps": 200.0}, {"slow_motion": 8.0}])
def test_open_video_in_slow_motion_gives_times_of_capture(
    tmp_path: Path, how: dict[str, float]
) -> None:
    video = open_video(stored(tmp_path / "a.mp4", "1/1"), **how)
    assert video.fps == pytest.approx(200.0)
    expected = [i / 200 for i in range(5)]
    assert [f.time for f in video.frames()] == pytest.approx(expected)
    assert video.times().tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"fps": 100.0, "slow_motion": 4.0}, "give one"),
        ({"fps": 0.0}, "plays at 25 frames per second"),
        ({"fps": float("nan")}, "plays at 25 frames per second"),
        ({"slow_motion": -8.0}, "got -200"),
        ({"slow_motion": 1e6}, "0.1 to 100 times that"),
    ],
)
def test_open_video_refuses_an_impossible_rate(
    tmp_path: Path, how: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        open_video(stored(tmp_path / "a.mp4", "1/1"), **how)


@pytest.mark.parametrize("seed", range(20))
def test_next_time_strictly_increases(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = np.arange(60) / 30 + rng.choice([0, 0, 0, -1 / 30, 0.2], 60)
    stamps = [None if rng.random() < 0.2 else float(t) for t in true]
    times, start, time = [], None, -1.0
    for stamp in stamps:
        start = stamp if start is None else start
        time = _next_time(stamp, start, time, 30.0)
        times.append(time)
    assert times[0] == 0
    assert np.diff(times).min() >= 0.04 / 30


def test_next_time_returns_to_true_timestamps() -> None:
    times, time = [], -1.0
    for stamp in (0.0, 0.0, 0.1, 0.1, 0.2, None, 0.4):
        time = _next_time(stamp, 0.0, time, 10.0)
        times.append(time)
    np.testing.assert_allclose(times, [0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4])


# Degrees the player turns the stored picture to the left, then whether it mirrors it.
TURNS = {
    (0, False): "red green blue dark",
    (90, False): "green dark red blue",
    (180, False): "dark blue green red",
    (270, False): "blue red dark green",
    (0, True): "green red dark blue",
    (90, True): "dark green blue red",
}


@pytest.mark.parametrize(("turn", "expected"), TURNS.items())
def test_frames_are_upright(tmp_path: Path, turn: tuple[int, bool], expected: str) -> None:
    encode(tmp_path / "a.mp4", 3, turn=turn)
    video = open_video(tmp_path / "a.mp4")
    assert video.size == ((H, W) if turn[0] % 180 else (W, H))
    for frame in video.frames():
        assert frame.image.shape == (video.size[1], video.size[0], 3)
        assert corners(frame.image) == expected.split()


def test_open_video_reads_the_focal_length(tmp_path: Path) -> None:
    key = "com.apple.quicktime.camera.focal_length.35mm_equivalent"
    encode(tmp_path / "a.mov", 3, turn=(90, False), notes={key: "27"})
    assert open_video(tmp_path / "a.mov").focal == pytest.approx(27 / 36 * W)
    encode(tmp_path / "b.mov", 3, notes={key: "wide"})
    assert open_video(tmp_path / "b.mov").focal is None


def test_open_video_refuses_missing_and_other_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.mp4"):
        open_video(tmp_path / "none.mp4")
    for name, content in {
        "text.mp4": b"no video\n" * 99,
        "empty.mp4": b"",
        "a.txt": b"hello\n" * 99,
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=name):
            open_video(tmp_path / name)
    with pytest.raises(ValueError, match="not a video"):
        open_video(tmp_path)


LISTS = {
    "a.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1.0,\n{url}\n#EXT-X-ENDLIST\n",
    "b.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1.0,\nsecret.ts\n#EXT-X-ENDLIST\n",
    "c.mp4": "ffconcat version 1.0\nfile secret.ts\n",
    "d.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "e.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011">'
    '<Period><AdaptationSet mimeType="video/mp2t"><Representation id="0" bandwidth="1">'
    "<BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "f.txt": "a text, which FFmpeg would draw\n" * 99,
    "g.ffmeta": ";FFMETADATA1\ntitle=x\n",
}
"""Files that make FFmpeg open others, or that it shows though they are no videos."""


@pytest.mark.parametrize("name", LISTS)
def test_open_video_refuses_lists_of_files(tmp_path: Path, name: str) -> None:
    write_stream(tmp_path / "secret.ts", 6)
    assert open_video(tmp_path / "secret.ts").length == 6
    (tmp_path / name).write_text(LISTS[name].format(url=(tmp_path / "secret.ts").as_uri()))
    with pytest.raises(ValueError, match="is not a video"):
        open_video(tmp_path / name)


def test_lists_of_files_are_traps(tmp_path: Path) -> None:
    """Without the list of formats, FFmpeg shows the other file."""
    write_stream(tmp_path / "secret.ts", 6)
    for name in ("a.m3u8", "c.mp4"):
        text = LISTS[name].format(url=(tmp_path / "secret.ts").as_uri())
        (tmp_path / name).write_text(text)
        options = {"allowed_extensions": "ALL", "extension_picky": "0"}
        with av.open(str(tmp_path / name), container_options=options) as opened:
            assert next(opened.decode(video=0)).width == W


@pytest.mark.parametrize("address", ["http://example.org/a.mp4", "rtsp://camera/1", "data:/x"])
def test_check_local_refuses_addresses(address: str) -> None:
    with pytest.raises(ValueError, match="is a network address, which is not read"):
        check_local(Path(address))


def test_check_local_refuses_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")  # opening it would wait for a writer
    for path in (tmp_path / "pipe.mp4", tmp_path):
        with pytest.raises(ValueError, match="expected a file, got a folder, pipe or device"):
            check_local(path)


def test_open_video_takes_symbolic_links_and_any_name(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames(np.arange(3) / 25), 25.0)
    for name in ("2024-01-01T10:30:00.mp4", "concat:a.mp4", "%03d.mp4", "pipe:0", "a b?c#d.mp4"):
        (tmp_path / name).symlink_to(tmp_path / "a.mp4")
        assert len(list(open_video(tmp_path / name).frames())) == 3


def test_open_video_takes_a_latin_1_title(tmp_path: Path) -> None:
    encode(tmp_path / "a.mkv", 3, notes={"title": "Cafe at noon"})
    data = (tmp_path / "a.mkv").read_bytes()
    assert data.count(b"Cafe at noon") == 1
    (tmp_path / "a.mkv").write_bytes(data.replace(b"Cafe at noon", b"Caf\xe9 at noon"))
    assert open_video(tmp_path / "a.mkv").length == 3


def test_open_video_refuses_an_unknown_codec(tmp_path: Path) -> None:
    encode(tmp_path / "a.mp4", 3)
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(data.replace(b"avc1", b"zzzz"))
    with pytest.raises(ValueError, match=r"a\.mp4: its video codec is unknown; re-encode it"):
        open_video(tmp_path / "a.mp4")


def test_frames_logs_how_many_are_lost(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_stream(tmp_path / "a.ts", 40)
    data = (tmp_path / "a.ts").read_bytes()
    (tmp_path / "b.ts").write_bytes(data[188 * 12 :])  # without the first picture, a key frame
    video = open_video(tmp_path / "b.ts")
    read = len(list(video.frames()))
    assert 0 < read < 40
    assert len(list(video.frames())) == read
    assert caplog.text.count("could not be decoded") == 1
    found = re.search(r"b\.ts: (\d+) of (\d+) frames could not be decoded", caplog.text)
    assert found is not None
    lost, stored = map(int, found.groups())
    assert lost == stored - read > 0


@pytest.mark.parametrize("lost", [slice(0, 188 * 12), slice(188 * 40, 188 * 48)])
def test_times_are_those_of_the_frames_that_are_left(tmp_path: Path, lost: slice) -> None:
    """Packets are lost at the start or in the middle of a recording from a transport stream."""
    write_stream(tmp_path / "a.ts", 40)
    data = bytearray((tmp_path / "a.ts").read_bytes())
    del data[lost]
    (tmp_path / "a.ts").write_bytes(data)
    video = open_video(tmp_path / "a.ts")
    times = video.times()
    assert times.tolist() == [frame.time for frame in video.frames()]
    assert times.tolist() == video.times().tolist()


def test_frames_of_a_whole_video_log_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_stream(tmp_path / "a.ts", 20)
    assert len(list(open_video(tmp_path / "a.ts").frames())) == 20
    assert caplog.text == ""


def test_open_video_refuses_audio_with_a_cover(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.m4a"), "w") as out:
        sound(out)
    with av.open(str(tmp_path / "b.mp3"), "w") as out:
        cover = out.add_stream("png")
        cover.width, cover.height, cover.pix_fmt = W, H, "rgb24"
        cover.disposition = Disposition.attached_pic
        sound(out, cover)
    for name in ("a.m4a", "b.mp3"):
        with pytest.raises(ValueError, match="only audio"):
            open_video(tmp_path / name)


def test_open_video_refuses_a_file_without_decodable_frame(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames(np.arange(8) / 25), 25.0)
    damage(tmp_path / "a.mp4", 0.0, 1.0)
    with pytest.raises(ValueError, match=r"a\.mp4"):
        open_video(tmp_path / "a.mp4")


def test_frames_raises_after_the_frames_before_a_break(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, H, W, 3), dtype=np.uint8)
    whole = tmp_path / "a.mp4"
    write_video(whole, (Frame(i, i / 25, image) for i, image in enumerate(noise)), 25.0)
    damage(whole, 0.5, 0.6)
    cut = tmp_path / "cut.mp4"
    write_video(cut, (Frame(i, i / 25, image) for i, image in enumerate(noise)), 25.0)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    for path in (whole, cut):
        read = []
        coming = open_video(path).frames()
        with pytest.raises(ValueError, match="broken after"):
            collections.deque((read.append(frame.index) for frame in coming), maxlen=0)
        assert 0 < len(read) < 60
        assert read == list(range(len(read)))


@pytest.mark.skipif(not SAMPLE.exists(), reason="the sample clip is only in the repository")
def test_frames_refuses_a_concealed_image(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(SAMPLE.read_bytes())
    damage(tmp_path / "a.mp4", 0.02, 0.03)
    with pytest.raises(ValueError, match="damaged picture"):
        open_video(tmp_path / "a.mp4")


def test_write_video_pads_odd_sizes(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames([0, 0.04], (33, 21)), 25.0)
    video = open_video(tmp_path / "a.mp4")
    assert video.size == (34, 22)


def test_write_video_takes_few_frames_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rendering may be far faster than encoding: an hour of images must not wait in memory."""
    made, waiting = 0, []
    encode = tcpformer.io.video._to_yuv

    def drawn() -> Iterator[Frame]:
        nonlocal made
        for frame in frames(np.arange(40) / 25):
            made += 1
            yield frame

    def slowly(frame: Frame) -> av.VideoFrame:
        sleep(0.005)
        waiting.append(made - frame.index - 1)
        return encode(frame)

    monkeypatch.setattr("tcpformer.io.video._to_yuv", slowly)
    write_video(tmp_path / "a.mp4", drawn(), 25.0)
    assert made == 40
    assert max(waiting) <= tcpformer.io.video._RENDERED_AHEAD


def test_write_video_keeps_the_old_file_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_video(path, frames([0, 0.04]), 25.0)
    old = path.read_bytes()

    def failing() -> Iterator[Frame]:
        yield from frames([0, 0.04])
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_video(path, failing(), 25.0)
    mixed = [*frames([0.0]), Frame(1, 0.04, picture(size=(32, 32)))]
    with pytest.raises(ValueError, match="one size"):
        write_video(path, mixed, 25.0)
    with pytest.raises(ValueError, match="no frames"):
        write_video(path, [], 25.0)
    with pytest.raises(ValueError, match=r"\.mp4"):
        write_video(tmp_path / "a.txt", frames([0.0]), 25.0)
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def encode(
    path: Path,
    count: int,
    turn: tuple[int, bool] = (0, False),
    notes: dict[str, str] | None = None,
    codec: Literal["libx264", "mpeg4"] = "libx264",
) -> None:
    """A file with what `write_video` does not write: a display matrix, notes of a camera."""
    options = {"movflags": "use_metadata_tags"} if notes else {}
    with av.open(str(path), "w", options=options) as out:
        out.metadata.update(notes or {})
        stream = out.add_stream(codec, 25, options={"crf": "10"} if codec == "libx264" else {})
        stream.width, stream.height, stream.pix_fmt = W, H, "yuv420p"
        if turn != (0, False):
            stream.set_display_rotation(turn[0], hflip=turn[1])
        for _ in range(count):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture(), format="rgb24")))
        out.mux(stream.encode(None))


def write_stream(path: Path, count: int) -> None:
    """A transport stream with a key frame every 10 frames, which FFmpeg reads from any packet."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", 25, options={"g": "10", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = W, H, "yuv420p"
        for i in range(count):
            image = av.VideoFrame.from_ndarray(picture(100 + i), format="rgb24")
            out.mux(stream.encode(image))
        out.mux(stream.encode(None))


def sound(out: av.container.OutputContainer, cover: av.VideoStream | None = None) -> None:
    """A tenth of a second of silence, and the picture of its cover."""
    stream = out.add_stream("aac" if cover is None else "mp3", 44100)
    stream.layout = "mono"
    silence = av.AudioFrame.from_ndarray(np.zeros((1, 4410), np.float32), "fltp", "mono")
    silence.sample_rate, silence.time_base, silence.pts = 44100, Fraction(1, 44100), 0
    if cover is not None:
        out.mux(cover.encode(av.VideoFrame.from_ndarray(picture(), format="rgb24")))
        out.mux(cover.encode(None))
    out.mux(stream.encode(silence))
    out.mux(stream.encode(None))


def damage(path: Path, start: float, end: float) -> None:
    """Overwrite a part of the pictures of an mp4 file with zeros."""
    data = bytearray(path.read_bytes())
    at = data.index(b"mdat") + 4
    length = int.from_bytes(data[at - 8 : at - 4], "big") - 8
    first, last = at + int(start * length), at + int(end * length)
    data[first:last] = bytes(last - first)
    path.write_bytes(data)
