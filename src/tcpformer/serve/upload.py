"""Receive a form of one file and options, straight to a file of the service."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from ..io import READERS

MOST_OPTIONS = 16_384
"""Bytes of the options."""
_OVERHEAD = 65_536
"""Bytes of a form beside its file."""
_VIDEO = (".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi", ".mpg", ".ts", ".wmv", ".gif")


class FormError(Exception):
    """A form that is not taken: a status, and what to do."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Form:
    """Parts of a form as they arrive: "file", written to a file, and "options".

    Nothing of the name that a client gives its file is used but the suffix, and that only if it is
    known; the content decides what is read.
    """

    def __init__(self, content_type: str, folder: Path, most: int) -> None:
        kind, parameters = parse_options_header(content_type)
        boundary = parameters.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise FormError(415, "expected multipart/form-data with a part named file.")
        self.folder, self.most = folder, most
        self.source: Path | None = None
        self.options = b""
        self.complete = False
        self._file: BinaryIO | None = None
        self._part, self._bytes = "", 0
        self._name, self._value, self._disposition = b"", b"", b""
        callbacks = {
            "on_part_begin": self._begin_part,
            "on_header_field": self._take_name,
            "on_header_value": self._take_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open_part,
            "on_part_data": self._take_data,
            "on_end": self._end,
        }
        self._parser = MultipartParser(boundary, callbacks)  # pyright: ignore[reportArgumentType]

    async def receive(self, chunks: AsyncIterator[bytes]) -> Path:
        """Write what arrives; return the file.

        Raises:
            FormError: If the form is malformed, too large or without a file.
            OSError: If the disk fails.
        """
        total = 0
        try:
            async for chunk in chunks:
                total += len(chunk)
                if total > self.most + _OVERHEAD:
                    raise self._too_large()
                await run_in_threadpool(self._parser.write, chunk)
        except MultipartParseError as error:
            raise FormError(400, f"the form is malformed: {str(error).rstrip('.')}.") from error
        finally:
            if self._file is not None:
                self._file.close()
        if not self.complete:
            raise FormError(400, "the form ends early.")
        if self.source is None or not self._bytes:
            raise FormError(422, "expected a part named file that holds a video or keypoints.")
        return self.source

    def _too_large(self) -> FormError:
        return FormError(413, f"expected a file of at most {self.most} bytes.")

    def _begin_part(self) -> None:
        self._name, self._value, self._disposition = b"", b"", b""

    def _take_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name, self._value = b"", b""

    def _open_part(self) -> None:
        parameters = parse_options_header(self._disposition)[1]
        self._part = parameters.get(b"name", b"").decode("latin-1")
        if self._part == "file" and self.source is None:
            given = parameters.get(b"filename", b"").decode("latin-1")
            self.source = self.folder / f"source{safe_suffix(given)}"
            self._file = self.source.open("xb")
        elif self._part != "options" or self.options:
            raise FormError(422, "expected the parts file and options, each once.")

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if self._part == "options":
            self.options += data[start:end]
            if len(self.options) > MOST_OPTIONS:
                raise FormError(413, f"expected options of at most {MOST_OPTIONS} bytes.")
            return
        assert self._file is not None
        self._bytes += end - start
        if self._bytes > self.most:
            raise self._too_large()
        self._file.write(memoryview(data)[start:end])

    def _end(self) -> None:
        self.complete = True


def safe_suffix(name: str) -> str:
    """Return the suffix of a file name if it is a known one, else one that stands for a video."""
    suffix = Path(name.replace("\\", "/")).suffix.lower()
    return suffix if suffix in READERS or suffix in _VIDEO else ".video"
