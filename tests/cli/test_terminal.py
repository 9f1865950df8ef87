"""Printing: escapes, and streams that fail."""

import io
import os
import sys

import pytest

from tcpformer.cli._terminal import SafeStream, escape, safe_streams, show, show_table, show_written


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plain é 骨 µ²", "plain é 骨 µ²"),
        ("\x1b[31m\x07\r\n\t", r"\x1b[31m\x07\r\n\t"),
        ("\x9b2J\u202e\u2028\udc80", r"\x9b2J\u202e\u2028\udc80"),
    ],
)
def test_escape_shows_what_is_invisible(line: str, expected: str) -> None:
    assert escape(line) == expected


def test_show_table_keeps_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show_table("a\x1b\nb")
    show("c\nd")
    assert capsys.readouterr().out == "a\\x1b\nb\nc\\nd\n"


def test_safe_stream_writes_other_letters_of_an_encoding() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    safe = SafeStream(stream)
    print("é", file=safe)
    safe.flush()
    assert stream.buffer.getvalue() == b"\\xe9\n"  # type: ignore[attr-defined]
    assert not safe.failed


@pytest.mark.parametrize("kind", ["closed", "none", "pipe", "full"])
def test_safe_stream_never_raises(kind: str) -> None:
    stream = io.StringIO() if kind == "closed" else None
    if kind == "pipe":
        reader, writer = os.pipe()
        os.close(reader)
        stream = os.fdopen(writer, "w")
    elif kind == "full":
        stream = open("/dev/full", "w")  # noqa: SIM115 - closed below
    elif stream is not None:
        stream.close()
    safe = SafeStream(stream)
    print("lost", file=safe)
    safe.flush()
    assert safe.failed
    assert not safe.isatty()
    if stream is not None:
        stream.close()  # what the end of Python does: raises nothing either


def test_safe_streams_come_and_go(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    with safe_streams() as out:
        assert sys.stdout is out
        assert out.is_result
        show_written("a")
        assert not out.is_result
    assert sys.stdout is before
    assert capsys.readouterr().out == "a\n"
