"""The service: jobs over HTTP, people in 3D over a live socket, and a page for both.

`create_app` returns the FastAPI application; docs/serve.md describes what it answers.
"""

import asyncio
import errno
import logging
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, fields
from functools import cached_property, partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from fastapi import APIRouter, FastAPI, Header, HTTPException, Request, WebSocket
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from ..pipeline import LiftOptions
from ..weights import PACKAGED
from . import metrics
from .access import Access
from .jobs import FINISHED, Job, JobStore, QueueFullError, disk_error
from .live_socket import LiveCounts, LiveLimits, LiveSettings, LiveSocket, MakeLifter
from .service_page import Page, render_service_page
from .upload import Form, FormError
from .workers import InputLimits, LiftWork, PoolOptions, Work, WorkerPool

log = logging.getLogger(__name__)

_NOT_OFFERED = {
    *("pose_model", "person_model", "video", "camera", "camera_name", "camera_up"),
    *("weights", "device", "backend", "precision", "checkpoint_protocol", "heads", "overwrite"),
}
"""Options of `lift` that name files of the server, or are the server's to choose."""
_EVENT_INTERVAL, _HEARTBEAT = 0.3, 15.0
_HOUR = 3600.0
_TYPES = {".html": "text/html; charset=utf-8", ".mp4": "video/mp4", ".webm": "video/webm",
          ".json": "application/json"}  # fmt: skip
"""Media types of results that a page shows; others are downloads."""


_INPUTS, _POOL, _LIVE = InputLimits(), PoolOptions(), LiveLimits()


@dataclass(frozen=True, kw_only=True)
class ServiceOptions:
    """How the service runs, and what it takes."""

    data: Path
    """Folder of everything that is kept."""
    token: str | None = None
    keep_days: float = 7.0
    """Days that a job and its files stay after its end."""
    max_bytes: int = 500_000_000
    """Of an upload."""
    upload_s: float = 900.0
    """Seconds that an upload may take."""
    upload_idle_s: float = 30.0
    """Seconds until the next bytes of an upload must come."""
    uploads: int = 8
    """At once."""
    events: int = 64
    """Streams of events at once."""
    queue: int = 100
    """Jobs that may wait."""
    device: str = "auto"
    threads: int = 1
    """CPU threads of a worker."""
    inputs: InputLimits = _INPUTS
    pool: PoolOptions = _POOL
    live: LiveLimits = _LIVE


def _job_options() -> type[BaseModel]:
    types = get_type_hints(LiftOptions)
    offered: dict[str, Any] = {
        each.name: (types[each.name], each.default)
        for each in fields(LiftOptions)
        if each.name not in _NOT_OFFERED
    }
    config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)
    return create_model("JobOptions", __config__=config, weights=(str, "default"), **offered)


JobOptions = _job_options()
"""Options of a job: those of `LiftOptions` that name no file."""


def read_options(text: bytes) -> dict[str, Any]:
    """Check the options of a job; return those that differ from their defaults.

    Raises:
        HTTPException: 422 if they are no JSON, unknown, out of range or contradict each other.
    """
    try:
        options = JobOptions.model_validate_json(text or b"{}").model_dump(exclude_defaults=True)
        if not (PACKAGED / Path(options.get("weights", "default")).name).is_dir():
            raise ValueError(f"no packaged weights are named {options['weights']!r}.")
        options["weights"] = Path(options.get("weights", "default")).name
        LiftOptions(**options)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "options"
        raise HTTPException(422, f"options: {where}: {first['msg']}") from error
    except (ValueError, TypeError, ImportError) as error:
        raise HTTPException(422, f"options: {error}") from error
    return options


class Places:
    """A bounded number of places; who finds none is to come again."""

    def __init__(self, most: int, what: str) -> None:
        self.most, self.what, self.taken = most, what, 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a place.

        Raises:
            HTTPException: 429 if all are taken.
        """
        if self.taken >= self.most:
            raise busy(f"expected at most {self.most} {self.what} at once.", 5.0)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


def busy(text: str, seconds: float) -> HTTPException:
    """Return the error of a request that may be tried again after some seconds."""
    return HTTPException(429, text, {"Retry-After": str(max(1, min(round(seconds), 600)))})


class Service:
    """What runs behind the application: jobs, workers and live sockets.

    Args:
        options: How it runs.
        work: What a worker does with a job.
        make_lifter: Makes what lifts the frames of a live socket.
    """

    def __init__(self, options: ServiceOptions, work: Work, make_lifter: MakeLifter) -> None:
        self.options, self.work, self.make_lifter = options, work, make_lifter
        self.uploads = Places(options.uploads, "uploads")
        self.events = Places(options.events, "streams of events")
        self.sockets = Places(options.live.connections, "live sockets")
        self.live = LiveCounts()
        self._purging, self._is_started = threading.Event(), False

    def start(self) -> None:
        """Open the list of jobs, and start the workers, unless that was done.

        Raises:
            OSError: If the folder cannot be written, or another process serves it.
        """
        if self._is_started:
            return
        self.store = JobStore(self.options.data)
        self._is_started = True
        self.pool = WorkerPool(self.store, self.work, self.options.pool)
        self.registry = metrics.make_registry(self.store, self.pool, self.live)
        self.executor = ThreadPoolExecutor(self.options.live.connections, "live")
        self.pool.start()
        self._purger = threading.Thread(target=self._purge, name="purge", daemon=True)
        self._purger.start()

    def stop(self) -> None:
        """Stop the workers; jobs in hand are queued for the next start."""
        self._purging.set()
        self.pool.stop()
        self._purger.join()
        self.executor.shutdown(cancel_futures=True)
        self.store.close()

    def _purge(self) -> None:
        while True:
            try:
                self.store.purge(self.options.keep_days)
            except (OSError, sqlite3.Error) as error:
                log.error("old jobs cannot be deleted: %s", error)
            if self._purging.wait(_HOUR):
                return

    @cached_property
    def page(self) -> Page:
        """The page at /."""
        return render_service_page()

    def find(self, number: str) -> Job:
        """Return a job.

        Raises:
            HTTPException: 404 if there is none.
        """
        job = self.store.get(number)
        if job is None:
            raise HTTPException(404, "no such job; finished ones are kept for some days.")
        return job

    async def receive(self, request: Request, key: str | None) -> tuple[Job, bool]:
        """Take a job from a request; return it, and whether it is new.

        Raises:
            HTTPException: If it is not taken.
        """
        try:
            known = None if key is None else await run_in_threadpool(self.store.find, key)
            if known is not None:
                return known, False
            self._check_queue()
            with self.uploads.take(), self.store.new_folder() as folder:
                form = Form(request.headers.get("content-type", ""), folder, self.options.max_bytes)
                async with asyncio.timeout(self.options.upload_s):
                    source = await form.receive(_chunks(request, self.options.upload_idle_s))
                options = read_options(form.options)
                return await run_in_threadpool(
                    self.store.add, source, options, key, self.options.queue
                )
        except FormError as error:
            raise HTTPException(error.status, str(error)) from error
        except QueueFullError as error:
            raise self._full() from error
        except ClientDisconnect as error:
            raise HTTPException(400, "the upload ended early.") from error
        except TimeoutError as error:
            most, idle = self.options.upload_s, self.options.upload_idle_s
            text = f"expected an upload of at most {most:g} s, without a pause of {idle:g} s."
            raise HTTPException(408, text, {"Connection": "close"}) from error

    def _check_queue(self) -> None:
        if self.store.counts()["queued"] >= self.options.queue:
            raise self._full()

    def _full(self) -> HTTPException:
        return busy("as many jobs wait as may; try again later.", self.pool.mean_seconds or 5.0)


async def _chunks(request: Request, idle_s: float) -> AsyncIterator[bytes]:
    """Yield the body of a request.

    Raises:
        TimeoutError: If nothing comes for some seconds.
    """
    stream = request.stream()
    while True:
        async with asyncio.timeout(idle_s):
            chunk = await anext(stream, None)
        if chunk is None:
            return
        yield chunk


def make_live_lifter(
    settings: LiveSettings, weights: Any = "live", device: str = "auto"
) -> tuple[Any, Mapping[str, Any]]:
    """Return the `LiveLifter` of a socket, and how its joints are drawn."""
    from ..viz.viewer.payload import describe_skeleton
    from .live import LiveLifter

    lifter = LiveLifter(
        weights,
        settings.lookahead,
        skeleton=settings.skeleton,
        size=settings.size,
        height=settings.height,
        device=device,
    )
    return lifter, {"skeleton": describe_skeleton(lifter.lifter.body)}


def create_app(
    options: ServiceOptions, work: Work | None = None, make_lifter: MakeLifter | None = None
) -> FastAPI:
    """Return the application of a service.

    Args:
        options: How it runs.
        work: What a worker does with a job; by default it lifts.
        make_lifter: Makes what lifts frames of a live socket; by default a `LiveLifter`.
    """
    service = Service(
        options,
        work or LiftWork(options.inputs, options.threads, options.device),
        make_lifter or partial(make_live_lifter, device=options.device),
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(service.start)
        try:
            yield
        finally:
            await run_in_threadpool(service.stop)

    app = FastAPI(
        title="tcpformer",
        description="Video or 2D keypoints in, 3D human motion out.",
        version="1",
        lifespan=lifespan,
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    app.include_router(router)
    app.add_middleware(Access, token=options.token)
    app.add_exception_handler(OSError, _answer_os_error)
    app.add_exception_handler(sqlite3.Error, _answer_os_error)
    return app


def _answer_os_error(request: Request, error: Exception) -> Response:
    """Report that the disk failed; the log has the reason, the client has none of its paths."""
    log.error("a request failed: %s", error)
    known = disk_error(error) if isinstance(error, sqlite3.Error) else error
    if isinstance(known, OSError) and known.errno in (errno.ENOSPC, errno.EDQUOT):
        return JSONResponse({"detail": "the disk of the server is full; try again later."}, 507)
    return JSONResponse({"detail": "the server cannot use its disk."}, 500)


def _service(connection: Request | WebSocket) -> Service:
    return connection.app.state.service


class JobAnswer(BaseModel):
    """A job as clients see it; times are seconds since 1970."""

    id: str
    state: str
    stage: str
    step: int
    steps: int
    attempt: int
    created: float
    started: float | None
    finished: float | None
    error: str
    files: dict[str, int]


def describe(job: Job) -> JobAnswer:
    """Return what clients see of a job."""
    values = {name: value for name, value in asdict(job).items() if name in JobAnswer.model_fields}
    return JobAnswer(**values, **asdict(job.progress))


router = APIRouter()
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "A video, or 2D keypoints in one file.",
                        },
                        "options": JobOptions.model_json_schema(),
                    },
                },
                "encoding": {"options": {"contentType": "application/json"}},
            }
        },
    }
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": text}
    for status, text in (
        (400, "the form is malformed"),
        (408, "the upload took too long"),
        (413, "the file is too large"),
        (415, "it is no form"),
        (422, "options or file are not taken"),
        (429, "as many jobs wait, or uploads run, as may; Retry-After has seconds"),
        (500, "the server cannot use its disk"),
        (507, "the disk is full"),
    )
}
_MISSING: dict[int | str, dict[str, Any]] = {404: {"description": "no such job or file"}}


@router.post(
    "/v1/jobs",
    status_code=202,
    response_model=JobAnswer,
    openapi_extra=_FORM,
    responses={200: {"model": JobAnswer, "description": "the job with this key"}, **_ERRORS},
)
async def post_job(
    request: Request,
    response: Response,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, pattern=r"^[!-~]+$")
    ] = None,
) -> JobAnswer:
    """Append a video or a file of keypoints to the queue.

    With the header Idempotency-Key, a request that is repeated returns the job of the first one.
    """
    try:
        job, new = await _service(request).receive(request, idempotency_key)
    except (HTTPException, OSError, sqlite3.Error) as error:
        if getattr(error, "status_code", 0) != HTTPStatus.REQUEST_TIMEOUT:
            await _drain(request)
        raise
    if not new:
        await _drain(request)
    response.status_code = 202 if new else 200
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return describe(job)


async def _drain(request: Request, most: int = 64 << 20, seconds: float = 10.0) -> None:
    """Read what a client still sends, within limits, so that it sees the answer."""
    end, left = time.monotonic() + seconds, most
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                left -= len(chunk)
                if left < 0 or time.monotonic() > end:
                    return
    except (TimeoutError, RuntimeError, ClientDisconnect):
        return  # RuntimeError: it was read to its end


@router.get("/v1/jobs/{number}", responses=_MISSING)
def get_job(request: Request, number: str) -> JobAnswer:
    """Return the state of a job."""
    return describe(_service(request).find(number))


@router.get(
    "/v1/jobs/{number}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}},
        429: {"description": "as many streams are open as may"},
        **_MISSING,
    },
)
async def get_events(request: Request, number: str) -> StreamingResponse:
    """Return the state of a job as server-sent events until it ends."""
    service = _service(request)
    await run_in_threadpool(service.find, number)
    place = service.events.take()
    place.__enter__()
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return _EventStream(
        _events(service, number),
        media_type="text/event-stream",
        headers=headers,
        release=lambda: place.__exit__(None, None, None),
    )


class _EventStream(StreamingResponse):
    """A stream that gives its place back however it ends."""

    def __init__(self, *arguments: Any, release: Callable[[], object], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._release = release

    async def __call__(self, *arguments: Any) -> None:
        try:
            await super().__call__(*arguments)
        finally:
            self._release()


async def _events(service: Service, number: str) -> AsyncIterator[str]:
    before, quiet = "", 0.0
    while True:
        job = await run_in_threadpool(service.store.get, number)
        if job is None:
            yield "event: gone\ndata: {}\n\n"
            return
        text = describe(job).model_dump_json()
        if text != before:
            yield f"data: {text}\n\n"
            before, quiet = text, 0.0
        elif quiet > _HEARTBEAT:
            yield ": waiting\n\n"
            quiet = 0.0
        if job.state in FINISHED:
            return
        await asyncio.sleep(_EVENT_INTERVAL)
        quiet += _EVENT_INTERVAL


@router.get(
    "/v1/jobs/{number}/files/{name:path}",
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": {}}}, **_MISSING},
)
def get_file(request: Request, number: str, name: str) -> FileResponse:
    """Return a result: one of the names in the job's files."""
    service = _service(request)
    job = service.find(number)
    if name not in job.files:
        raise HTTPException(404, "no such file; the job's files have the names.")
    path = service.store.results(job) / name
    if not path.is_file():
        raise HTTPException(404, "the file is being deleted.")
    shown = _TYPES.get(path.suffix)
    download = None if shown else name.replace("/", "_")
    media_type = shown or "application/octet-stream"
    return FileResponse(path, media_type=media_type, filename=download)


@router.delete("/v1/jobs/{number}", status_code=204, responses=_MISSING)
def delete_job(request: Request, number: str) -> None:
    """Delete a job and its files; one that has not ended is cancelled."""
    service = _service(request)
    service.store.delete(service.find(number))


@router.websocket("/v1/live")
async def live(socket: WebSocket) -> None:
    """Lift the frames of one camera as they come."""
    service = _service(socket)
    try:
        with service.sockets.take():
            service.live.open += 1
            try:
                limits = service.options.live
                connection = LiveSocket(socket, limits, service.live, service.executor)
                await connection.run(service.make_lifter)
            finally:
                service.live.open -= 1
    except HTTPException as error:
        await socket.send_denial_response(
            JSONResponse({"detail": error.detail}, error.status_code, error.headers)
        )


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Report that the server runs."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "no worker is ready"}})
def readyz(request: Request) -> dict[str, str]:
    """Report whether jobs can be done."""
    service = _service(request)
    service.store.counts()
    if not service.pool.ready:
        raise HTTPException(503, "no worker is ready yet.")
    return {"status": "ready"}


@router.get("/metrics", response_class=Response)
def get_metrics(request: Request) -> Response:
    """Return figures for Prometheus."""
    text = metrics.render(_service(request).registry)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/", include_in_schema=False)
def page(request: Request) -> Response:
    """Return the page."""
    made = _service(request).page
    return Response(
        made.html, media_type="text/html", headers={"Content-Security-Policy": made.csp}
    )
