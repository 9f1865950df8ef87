"""The service over HTTP: jobs from upload to deletion, and what is refused."""

import asyncio
import errno
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from served import make_stand_in, options, run_app, wait_until
from stand_in_work import StandInWork
from starlette.requests import Request

from tcpformer.serve.http import _chunks, create_app, read_options
from tcpformer.serve.jobs import FINISHED
from tcpformer.serve.upload import Form

LOCAL = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    data = tmp_path_factory.mktemp("data")
    settings = options(data, max_bytes=1000, queue=2, uploads=1)
    with TestClient(create_app(settings, StandInWork(), make_stand_in), LOCAL) as client:
        yield client


def post(client: TestClient, content: str = "copy", name: str = "a.mp4", **more: Any) -> Any:
    return client.post("/v1/jobs", files={"file": (name, content.encode())}, **more)


def finished(client: TestClient, number: str) -> dict[str, Any]:
    def known() -> dict[str, Any] | None:
        job = client.get(f"/v1/jobs/{number}").json()
        return job if job["state"] in FINISHED else None

    return wait_until(known)


def test_job_from_upload_to_deletion(client: TestClient) -> None:
    made = post(client, name="../../etc/a name.MP4", data={"options": '{"person": "main"}'})
    assert made.status_code == 202
    job = finished(client, made.json()["id"])
    address = made.headers["location"]
    assert (job["state"], job["error"], job["files"]) == ("done", "", {"copy.txt": 4})
    assert client.get(f"{address}/files/copy.txt").text == "copy"
    service = client.app.state.service  # type: ignore[attr-defined]
    assert service.store.get(job["id"]).source == "source.mp4"
    events = client.get(f"{address}/events").text.strip().split("\n\n")
    assert json.loads(events[-1].removeprefix("data: ")) == job
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404
    assert list(service.store.jobs.iterdir()) == []


def test_failed_job_has_a_reason_without_paths(client: TestClient) -> None:
    job = finished(client, post(client, "fail").json()["id"])
    assert (job["state"], job["error"]) == ("failed", "source.mp4 is no video.")
    assert client.get(f"/v1/jobs/{job['id']}/files/copy.txt").status_code == 404


@pytest.mark.parametrize(
    "name", ["../source.mp4", "..%2fsource.mp4", "tcpformer.json", "/etc/passwd"]
)
def test_files_outside_the_list_are_not_found(client: TestClient, name: str) -> None:
    job = finished(client, post(client).json()["id"])
    assert client.get(f"/v1/jobs/{job['id']}/files/{name}").status_code == 404


def test_key_makes_a_repeated_request_the_same_job(client: TestClient) -> None:
    first, again = (post(client, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"]
    assert post(client, headers={"Idempotency-Key": "two words"}).status_code == 422
    finished(client, first.json()["id"])


def test_full_queue_answers_429_with_retry_after(client: TestClient) -> None:
    jobs = [post(client, "sleep 60").json()["id"]]
    store = client.app.state.service.store  # type: ignore[attr-defined]
    wait_until(lambda: store.counts()["running"])
    jobs += [post(client).json()["id"] for _ in range(2)]
    full = post(client)
    assert full.status_code == 429
    assert int(full.headers["retry-after"]) >= 1
    for number in jobs:
        assert client.delete(f"/v1/jobs/{number}").status_code == 204
        assert client.get(f"/v1/jobs/{number}").json()["state"] == "cancelled"
    assert list(store.incoming.iterdir()) == []


def test_uploads_at_once_are_bounded(client: TestClient) -> None:
    places = client.app.state.service.uploads  # type: ignore[attr-defined]
    with places.take():
        assert post(client).status_code == 429
    assert places.taken == 0


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"x" * 2000, "multipart/form-data; boundary=b", 400),
        (b"", "multipart/form-data; boundary=b", 400),
        (b"{}", "application/json", 415),
        (b"", "multipart/form-data", 415),
        (
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\ncopy',
            "multipart/form-data; boundary=b",
            400,
        ),
        (
            b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\ncopy\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            422,
        ),
    ],
)
def test_malformed_forms_are_refused(
    client: TestClient, content: bytes, kind: str, status: int
) -> None:
    answer = client.post("/v1/jobs", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)


def test_full_disk_and_slow_uploads_leave_nothing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Form, "receive", fail(OSError(errno.ENOSPC, "No space left on device")))
    answer = post(client)
    assert (answer.status_code, "full" in answer.json()["detail"]) == (507, True)
    monkeypatch.setattr(Form, "receive", fail(OSError(errno.EIO, "Input/output error", "/secret")))
    answer = post(client)
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    monkeypatch.setattr(Form, "receive", fail(TimeoutError()))
    assert post(client).status_code == 408
    service = client.app.state.service  # type: ignore[attr-defined]
    assert list(service.store.incoming.iterdir()) == []
    assert service.uploads.taken == 0


def fail(error: Exception) -> Any:
    async def receive(form: Form, chunks: Any) -> None:
        async for _ in chunks:
            pass
        raise error

    return receive


def test_chunks_of_a_client_that_pauses_raise() -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(60)

    async def run(request: Any) -> list[bytes]:
        return [chunk async for chunk in _chunks(request, 0.1)]

    request = Request({"type": "http"})
    request.stream = stream  # type: ignore[method-assign]
    with pytest.raises(TimeoutError):
        asyncio.run(run(request))


def test_file_that_is_gone_is_not_found(client: TestClient) -> None:
    job = finished(client, post(client).json()["id"])
    store = client.app.state.service.store  # type: ignore[attr-defined]
    shutil.rmtree(store.jobs / job["id"])
    assert client.get(f"/v1/jobs/{job['id']}/files/copy.txt").status_code == 404


def test_large_files_and_bad_options_are_refused(client: TestClient) -> None:
    assert post(client, "x" * 1001).status_code == 413
    assert post(client, "").status_code == 422
    for text in ("[", "[]", '{"up": [0, "-1", 0]}', '{"start": true}', '{"flip": 1}',
                 '{"pose_model": "/etc/passwd"}', '{"start": 5, "end": 1}',
                 '{"formats": "exe"}', '{"weights": "../../secret"}', '{"fps": NaN}'):  # fmt: skip
        answer = post(client, data={"options": text})
        assert answer.status_code == 422, text
        assert answer.json()["detail"].startswith("options: ")
    store = client.app.state.service.store  # type: ignore[attr-defined]
    assert list(store.incoming.iterdir()) == []


def test_read_options_keeps_what_differs() -> None:
    assert read_options(b"") == {"weights": "default"}
    assert read_options(b'{"size": [4, 3], "weights": "fast"}') == {
        "size": (4, 3),
        "weights": "fast",
    }


def test_supervisors_and_prometheus_are_answered(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    service = client.app.state.service  # type: ignore[attr-defined]
    wait_until(lambda: service.pool.ready)
    assert client.get("/readyz").json() == {"status": "ready"}
    text = client.get("/metrics").text
    assert "tcpformer_workers_ready 1.0" in text
    assert 'tcpformer_jobs{state="queued"} 0.0' in text


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("schemathesis") is None, reason="needs schemathesis (pip install schemathesis)"
)
def test_requests_made_up_from_the_openapi_break_nothing(tmp_path: Path) -> None:
    app = create_app(options(tmp_path, queue=20), StandInWork(), make_stand_in)
    with run_app(app) as port:
        command = ["schemathesis", "run", f"http://127.0.0.1:{port}/openapi.json"]
        # Options may contradict each other; a known key returns its job whatever comes with it; a
        # job that is deleted before it ends is known as cancelled; Starlette allows for one route.
        unfit = "positive_data_acceptance,negative_data_rejection,use_after_free"
        command += ["--exclude-checks", f"{unfit},allow_header_conformance"]
        command += ["--max-examples", "40"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout


def test_openapi_describes_the_options(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    form = paths["/v1/jobs"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    offered = form["properties"]["options"]["properties"]
    assert {"person", "height", "formats", "start"} <= set(offered)
    assert not {"pose_model", "video", "camera", "device", "overwrite"} & set(offered)


def test_events_of_a_job_end_with_it_and_places_come_back(client: TestClient) -> None:
    number = post(client, "sleep 0.5").json()["id"]
    events = client.get(f"/v1/jobs/{number}/events").text
    states = [
        json.loads(each.removeprefix("data: "))["state"] for each in events.split("\n\n")[:-1]
    ]
    assert states[-1] == "done"
    assert "running" in states
    assert client.app.state.service.events.taken == 0  # type: ignore[attr-defined]


def test_restart_does_what_was_queued(tmp_path: Path) -> None:
    settings = options(tmp_path)
    waiting = replace(settings, pool=replace(settings.pool, workers=0))
    with TestClient(create_app(waiting, StandInWork(), make_stand_in), LOCAL) as client:
        number = post(client).json()["id"]
        assert client.get("/readyz").status_code == 503
    start = time.time()
    with TestClient(create_app(settings, StandInWork(), make_stand_in), LOCAL) as client:
        job = finished(client, number)
    assert (job["state"], job["attempt"]) == ("done", 1)
    assert job["created"] < start < job["finished"]
