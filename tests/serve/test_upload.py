"""Forms as they arrive: in any pieces, damaged, too large, and onto a full disk."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcpformer.serve import upload
from tcpformer.serve.upload import MOST_OPTIONS, Form, FormError, safe_suffix

KIND = "multipart/form-data; boundary=b"


def part(name: str, content: bytes, more: str = "") -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + content + b"\r\n"


FILE = part("file", b"\r\n--video\r--b", '; filename="a.MP4"')
GOOD = part("options", b'{"fps": 30}') + FILE + b"--b--\r\n"


def receive(folder: Path, pieces: Sequence[bytes], most: int = 1000) -> tuple[Form, Path]:
    async def chunks() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    form = Form(KIND, folder, most)
    return form, asyncio.run(form.receive(chunks()))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, len(GOOD)), max_size=8))
def test_pieces_make_no_difference(cuts: list[int]) -> None:
    ends = sorted([0, *cuts, len(GOOD)])
    pieces = [GOOD[a:b] for a, b in pairwise(ends)]
    with tempfile.TemporaryDirectory() as folder:
        form, source = receive(Path(folder), pieces)
        assert source.name == "source.mp4"
        assert source.read_bytes() == b"\r\n--video\r--b"
        assert form.options == b'{"fps": 30}'


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_forms_raise_nothing_but_form_errors(data: st.DataObject) -> None:
    body = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    with tempfile.TemporaryDirectory() as folder:
        refused = None
        try:
            receive(Path(folder), [bytes(body)])
        except FormError as error:
            refused = error
        assert refused is None or refused.status in (400, 413, 422)
        assert refused is None or str(refused).endswith(".")
        assert {path.stem for path in Path(folder).iterdir()} <= {"source"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (GOOD[:-8], 400),
        (b"--b--\r\n", 422),
        (part("file", b"") + b"--b--\r\n", 422),
        (FILE + FILE + b"--b--\r\n", 422),
        (part("file", b"x" * 1001) + b"--b--\r\n", 413),
        (part("options", b" " * (MOST_OPTIONS + 1)) + FILE + b"--b--\r\n", 413),
        (b"--b\r\nContent-Disposition: " + b"x" * 100_000, 400),
        (b"--b\r\n" + b"A: b\r\n" * 10_000, 400),
    ],
    ids=["cut", "no part", "empty", "two files", "large", "options", "long header", "headers"],
)
def test_forms_that_are_not_taken(tmp_path: Path, body: bytes, status: int) -> None:
    with pytest.raises(FormError) as refused:
        receive(tmp_path, [body[i : i + 997] for i in range(0, len(body), 997)])
    assert refused.value.status == status


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_raises_the_error_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_full(self: Form) -> None:
        opened(self)
        if self._file is not None:
            self._file.close()
            self._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115 - the form closes it

    opened = upload.Form._open_part
    monkeypatch.setattr(upload.Form, "_open_part", open_full)
    with pytest.raises(OSError, match="No space left"):
        receive(tmp_path, [GOOD])


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.MP4", ".mp4"),
        ("a.npz", ".npz"),
        ("..\\..\\a.json", ".json"),
        ("a.exe", ".video"),
        ("/etc/passwd", ".video"),
        ("a.mp4/", ".mp4"),
        ("a\0.mp4", ".mp4"),
        ("", ".video"),
    ],
)
def test_safe_suffix_is_a_known_one(name: str, suffix: str) -> None:
    assert safe_suffix(name) == suffix
