"""The page in a browser: it shows the frame that it says, where the camera saw it.

The frames of the video show their number, so that the picture itself tells which one is shown.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Visit
from motions import SIZE
from pages import BITS, numbered_video
from walk26 import walk26

from tcpformer.motion import Motion3D
from tcpformer.viz.viewer.page import PageOptions, write_page

pytestmark = pytest.mark.slow

FRAMES = 48
TITLE = "</script>\"<b>'&"
READ = f"""
    const pen = document.createElement("canvas").getContext("2d", {{ willReadFrequently: true }});
    const number = () => {{
        pen.canvas.width = 160;
        pen.canvas.height = 90;
        pen.drawImage(document.querySelector("video"), 0, 0, 160, 90);
        let n = 0;
        for (let bit = 0; bit < {BITS}; bit++) {{
            const x = Math.floor((160 * (bit + 0.5)) / {BITS});
            if (pen.getImageData(x, 45, 1, 1).data[1] > 125) n += 1 << bit;
        }}
        return n;
    }};
"""
NO_CALLBACK = "delete HTMLVideoElement.prototype.requestVideoFrameCallback;"


@pytest.fixture(scope="module")
def people() -> dict[int, Motion3D]:
    first = replace(walk26(FRAMES), sigma=np.full((FRAMES, 26, 3), 0.03))
    aside = np.array([1.2, 0.0, 0.0])
    second = replace(
        first,
        xyz=first.xyz + aside,
        camera_xyz=first.camera_xyz + aside,
        valid=(np.arange(FRAMES) >= 10) & (np.arange(FRAMES) < 40),
        person=1,
    )
    return {0: first, 1: second}


@pytest.fixture(scope="module")
def address(people: dict[int, Motion3D], tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    times = np.arange(FRAMES) / 30
    times[20:] += 0.05  # not even
    motions = {number: replace(motion, times=times) for number, motion in people.items()}
    video = numbered_video(folder / "a.mp4", times, SIZE)
    made = write_page(motions, folder / "page.html", video, PageOptions(title=TITLE))
    return made.path.as_uri()


@pytest.fixture
def visit(chromium: Any, address: str) -> Iterator[Visit]:
    opened = Visit(chromium, address)
    yield opened
    opened.close()
    assert opened.problems == []
    assert not [url for url in opened.requests if url.startswith(("http", "ws"))]


def test_page_shows_the_frame_of_seek(visit: Visit, people: dict[int, Motion3D]) -> None:
    for k in (0, 1, 30, 7, 19, 20, 21, 47, 46, 0):
        shown: Any = visit.run(
            f"{READ} await tcpformer.seek({k}); "
            "return [number(), tcpformer.player.frame, tcpformer.drawn()];"
        )
        assert shown[:2] == [k, k]
        drawn = {each["id"]: np.array(each["joints"]).reshape(-1, 3) for each in shown[2]}
        assert set(drawn) == ({0, 1} if 10 <= k < 40 else {0})
        for number, joints in drawn.items():
            np.testing.assert_allclose(joints, people[number].xyz[k], atol=1e-4)
    assert visit.page.title() == TITLE
    assert visit.page.locator("#title").text_content() == TITLE


def test_page_plays_figure_and_video_together(chromium: Any, address: str) -> None:
    """Whenever the video shows a new frame, the figure is at that frame."""
    visit = Visit(chromium, address, (400, 300))
    rows: Any = visit.run(
        f"""{READ} const rows = [], video = document.querySelector("video");
        const {{ player }} = tcpformer, end = performance.now() + 60000;
        player.setSpeed(0.1);
        await new Promise((done) => {{
            const read = (now, meta) => {{
                rows.push([player.frameAt(meta.mediaTime + 2e-3), player.frame, number()]);
                if (rows.length === 12 || performance.now() > end) return done();
                video.requestVideoFrameCallback(read);
            }};
            video.requestVideoFrameCallback(read);
            player.play();
        }});
        player.pause();
        return rows;"""
    )
    visit.close()
    assert visit.problems == []
    stated, figure, shown = np.array(rows).T
    assert len(set(figure.tolist())) > 2
    np.testing.assert_array_equal(stated, figure)
    # The picture may be read just after the next one came.
    assert np.median(np.abs(shown - figure)) <= 1


def test_page_plays_and_seeks_without_the_callback(chromium: Any, address: str) -> None:
    visit = Visit(chromium, address, (400, 300), NO_CALLBACK)
    frames: Any = visit.run(
        """const frames = new Set(), end = performance.now() + 60000;
        await tcpformer.player.play();
        while (performance.now() < end && frames.size < 4) {
            await new Promise(requestAnimationFrame);
            frames.add(tcpformer.player.frame);
        }
        tcpformer.player.pause();
        return [...frames];"""
    )
    assert len(frames) == 4
    found: Any = visit.run(
        f"{READ} await tcpformer.seek(33); return [number(), tcpformer.player.frame];"
    )
    assert found == [33, 33]
    visit.close()
    assert visit.problems == []


def test_page_overlay_lays_joints_onto_the_video(visit: Visit, people: dict[int, Motion3D]) -> None:
    """Through the camera, joints lie where the detector saw them, also on the screen."""
    found: Any = visit.run(
        """tcpformer.setMode("over"); await tcpformer.seek(25);
        const [a, b] = ["picture", "space"].map((id) => document.getElementById(id));
        const [p, q] = [a, b].map((each) => each.getBoundingClientRect());
        const box = ({ x, y, width, height }) => [x, y, width, height];
        return [tcpformer.project(0), box(p), box(q)];"""
    )
    np.testing.assert_allclose(np.array(found[0]), people[0].xy[25], atol=0.2)
    np.testing.assert_allclose(found[1], found[2], atol=1)
    assert found[1][2] / found[1][3] == pytest.approx(SIZE[0] / SIZE[1], rel=1e-2)


def test_page_layers_people_and_themes_change_what_is_drawn(visit: Visit) -> None:
    counts = """const scene = tcpformer.scene, count = () => ({
        clouds: scene.clouds.count, marks: scene.marks.count, lines: scene.lines.count,
        labels: scene.labels.children.length, bodies: scene.bodies.children.length,
        limbs: scene.limbs.count, floor: scene.floor.grid.visible,
        people: scene.people.length });"""
    off: Any = visit.run(
        f"""{counts} await tcpformer.seek(25);
        for (const layer of Object.keys(tcpformer.state.layers)) tcpformer.setLayer(layer, false);
        return count();"""
    )
    assert off["people"] == 2
    assert off["limbs"] > 30
    for name in ("clouds", "marks", "lines", "labels", "bodies", "floor"):
        assert not off[name]
    on: Any = visit.run(
        f"""{counts} const boxes = document.querySelectorAll("#layer-list input");
        document.getElementById("layers").open = true;
        for (const box of boxes) box.click();
        return [boxes.length, count()];"""
    )
    assert on[0] == 7
    assert on[1]["clouds"] == 2 * 26
    assert on[1]["labels"] == on[1]["bodies"] == 2
    assert on[1]["lines"] > 20
    assert on[1]["marks"] > 0
    assert on[1]["floor"]
    assert on[1]["limbs"] == 0  # bodies in their place
    alone: Any = visit.run(f"{counts} tcpformer.setVisible(1, false); return count();")
    assert alone["people"] == alone["bodies"] == 1
    visit.page.keyboard.press("d")
    theme = visit.page.evaluate("document.documentElement.dataset.theme")
    visit.page.keyboard.press("d")
    assert {theme, visit.page.evaluate("document.documentElement.dataset.theme")} == {
        "dark",
        "light",
    }


def test_page_unseen_joints_are_thin(chromium: Any, tmp_path: Path) -> None:
    """A limb that the detector did not see is drawn thinner than the other side."""
    motion = walk26(3)
    confidence = motion.confidence.copy()
    confidence[:, motion.skeleton.indices("LKnee", "LAnkle")] = 0.0
    made = write_page({0: replace(motion, confidence=confidence)}, tmp_path / "a.html")
    visit = Visit(chromium, made.path.as_uri(), (640, 480))
    widths: Any = visit.run(
        """const scene = tcpformer.scene, { skeleton } = scene.people[0];
        const position = scene.limbs.mesh.geometry.getAttribute("position");
        const n = scene.limbs.template.length;
        return Object.fromEntries(["LKnee", "RKnee"].map((name) => {
            const i = skeleton.bones.findIndex(([, child]) => skeleton.joints[child] === name);
            const x = [];  // an end ring, across the bone
            for (let v = 0; v < n; v++) x.push(position.getX(i * n + v));
            return [name, Math.max(...x) - Math.min(...x)];
        }));"""
    )
    assert widths["LKnee"] < 0.75 * widths["RKnee"]
    assert visit.page.locator("#modes [data-mode=split]").is_hidden()
    visit.close()
    assert visit.problems == []


def test_page_obeys_keys_and_pointer(visit: Visit) -> None:
    frame = "tcpformer.player.frame"
    visit.run("await tcpformer.seek(5);")
    visit.page.keyboard.press("ArrowRight")
    assert visit.page.evaluate(frame) == 6
    visit.page.keyboard.press("Home")
    assert visit.page.evaluate(frame) == 0
    for mode, key in (("over", "2"), ("space", "3"), ("split", "1")):
        visit.page.keyboard.press(key)
        assert visit.page.evaluate("tcpformer.state.mode") == mode
    box = visit.page.locator("#slider").bounding_box()
    assert box is not None
    visit.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert abs(int(visit.page.evaluate(frame)) - FRAMES / 2) <= 1
    before = visit.page.evaluate("tcpformer.scene.free.position.toArray()")
    canvas = visit.page.locator("#canvas").bounding_box()
    assert canvas is not None
    x, y = canvas["x"] + canvas["width"] / 2, canvas["y"] + canvas["height"] / 2
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    visit.page.mouse.move(x + 80, y, steps=3)
    visit.page.mouse.up()
    after = visit.page.evaluate("tcpformer.scene.free.position.toArray()")
    assert np.linalg.norm(np.subtract(after, before)) > 0.3


def test_page_curves_follow_the_cursor(visit: Visit, people: dict[int, Motion3D]) -> None:
    found: Any = visit.run(
        """const what = document.getElementById("what"), which = document.getElementById("which");
        what.value = "height"; what.dispatchEvent(new Event("change"));
        which.value = "Ankle"; which.dispatchEvent(new Event("change"));
        await tcpformer.seek(12);
        return document.getElementById("values").textContent;"""
    )
    left = people[0].xyz[12, people[0].skeleton.index["LAnkle"], 2]
    assert f"left{left:.2f}" in found
    assert "0.03 m" in found  # its sigma
    options = visit.page.locator("#what option").all_text_contents()
    assert options[:3] == ["Angle", "Speed", "Height"]


@pytest.mark.parametrize("size", [(360, 740), (390, 844), (844, 390), (1024, 768)])
def test_page_fits_screens(chromium: Any, address: str, size: tuple[int, int]) -> None:
    """Nothing is beside the screen; the figure keeps at least a third of it."""
    visit = Visit(chromium, address, size)
    boxes: Any = visit.run(
        """const parts = ["header button", "footer button", "#tools button"].join();
        const shown = [...document.querySelectorAll(parts)].filter((e) => e.checkVisibility());
        const rects = shown.map((e) => e.getBoundingClientRect());
        const { width, height } = document.getElementById("space").getBoundingClientRect();
        return [rects.map((r) => [r.left, r.top, r.right, r.bottom]), width * height];"""
    )
    low, high = np.array(boxes[0])[:, :2].min(), np.array(boxes[0])[:, 2:].max(axis=0)
    assert low >= 0
    assert (high <= np.array(size) + 0.5).all()
    assert boxes[1] > 0.2 * size[0] * size[1]
    visit.close()
    assert visit.problems == []


def test_page_draws_fast_enough_in_software(visit: Visit, record_property: Any) -> None:
    """With a graphics card a frame takes a hundredth of that."""
    mean: Any = visit.run("return tcpformer.measure(12);")
    record_property("milliseconds a frame in software", mean)
    assert 0 < mean < 8000
