"""The page of the service: its policy, and, in a browser, a file and a camera."""

import base64
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import browser
import numpy as np
import pytest
from paths import ROOT
from served import wait_until

from tcpformer.io.video import open_video
from tcpformer.serve.service_page import render_service_page

SAMPLE = ROOT / "assets" / "sample.mp4"


def test_policy_names_the_scripts_of_the_page() -> None:
    page = render_service_page()
    scripts = re.findall(r"<script>(.*?)</script>", page.html, re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page.csp
    assert "http://" not in page.html.replace("http://www.w3.org/", "").split("<script>")[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serve(data: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A service in a process of its own, ready for jobs."""
    command = [sys.executable, "-m", "tcpformer.cli", "serve", "--port", str(port)]
    process = subprocess.Popen([*command, "--data", str(data)], env=os.environ)
    try:
        wait_until(lambda: process.poll() is not None or answers(port), 120)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
            return answer.status == 200
    except OSError:
        return False


def write_camera(path: Path, size: tuple[int, int] = (640, 360), seconds: float = 4.0) -> Path:
    """Write the sample clip as the fake camera of Chromium plays it."""
    import cv2

    video = open_video(SAMPLE)
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n" % (*size, round(video.fps)))
        for frame in video.frames():
            if frame.time > seconds:
                break
            small = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
            yuv = cv2.cvtColor(small, cv2.COLOR_RGB2YUV_I420)
            file.write(b"FRAME\n" + np.ascontiguousarray(yuv).tobytes())
    return path


@pytest.mark.slow
def test_page_lifts_a_camera_and_a_file(
    walking: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = write_camera(tmp_path / "camera.y4m")
    fake = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    ]
    monkeypatch.setattr(browser, "OPTIONS", [*browser.OPTIONS, *fake])
    port, shots = free_port(), os.environ.get("TCPFORMER_SHOTS")
    with serve(tmp_path / "data", port), browser.start_chromium() as chromium:
        context = chromium.new_context(viewport={"width": 1280, "height": 760})
        context.grant_permissions(["camera"])
        page, problems = context.new_page(), list[str]()
        page.set_default_timeout(240_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console", lambda line: problems.append(line.text) if line.type == "error" else None
        )
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"http://127.0.0.1:{port}/")
        page.click("#camera")
        page.locator("#figures", has_text=re.compile("person,|people,")).wait_for()
        time.sleep(3)
        if shots:
            page.screenshot(path=f"{shots}/live.png")
        page.click("#stop")
        page.set_input_files("#file", walking)
        page.wait_for_selector("#work:not([hidden])")
        page.wait_for_selector("#result:not([hidden])")
        viewer = page.frame_locator("#viewer")
        viewer.locator("#canvas").wait_for()
        page.frames[-1].wait_for_function("globalThis.tcpformer")  # its script may still load
        page.frames[-1].evaluate("tcpformer.ready")
        time.sleep(1)
        if shots:
            page.screenshot(path=f"{shots}/result.png")
        assert "view.html" in page.inner_text("#files")
        assert problems == []
        outside = [each for each in requests if f"127.0.0.1:{port}" not in each]
        assert [each for each in outside if not each.startswith(("data:", "blob:"))] == []


@pytest.mark.slow
def test_killed_server_loses_no_job(walking: Path, tmp_path: Path) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}/v1/jobs"
    body = b'--b\r\nContent-Disposition: form-data; name="options"\r\n\r\n{"weights": "fast"}\r\n'
    body += b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.npz"\r\n\r\n'
    body += walking.read_bytes() + b"\r\n--b--\r\n"
    numbers = []
    with serve(tmp_path, port) as process:
        for _ in range(4):
            request = urllib.request.Request(
                base, body, {"Content-Type": "multipart/form-data; boundary=b"}
            )
            with urllib.request.urlopen(request) as answer:
                numbers.append(json.load(answer)["id"])
        process.kill()
        process.wait()
    with serve(tmp_path, port):

        def jobs() -> list[dict[str, object]] | None:
            found = []
            for number in numbers:
                with urllib.request.urlopen(f"{base}/{number}") as answer:
                    found.append(json.load(answer))
            return found if all(job["state"] in ("done", "failed") for job in found) else None

        done = wait_until(jobs, 240)
    assert [job["state"] for job in done] == ["done"] * 4
    assert all(job["attempt"] <= 2 for job in done)
    assert {f.name for f in (tmp_path / "jobs").iterdir()} == set(numbers)
