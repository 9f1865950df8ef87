"""Argument types: what a value is called, and which values fit an annotation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from tcpformer.checks import as_path, check_field_types, check_type, describe


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "None"),
        (True, "True"),
        ("coco", "the text 'coco'"),
        (np.float32(1.5), "the number 1.5"),
        (np.zeros((3, 2)), "an array of shape (3, 2)"),
        ([1], "a list of 1 item"),
        ({}, "a dict of 0 items"),
        (Path(), f"an object of type {type(Path()).__name__}"),
    ],
)
def test_describe(value: object, words: str) -> None:
    assert describe(value) == words


def test_describe_cuts_a_long_text() -> None:
    assert len(describe("x" * 1000)) < 60


def test_check_type_shows_the_hint() -> None:
    check_type("n", "text", str)
    with pytest.raises(ValueError, match=r"^n must be a whole number, got the text '1'; count\.$"):
        check_type("n", "1", int, "count")


def test_as_path() -> None:
    assert as_path("path", "a") == as_path("path", Path("a")) == Path("a")
    with pytest.raises(ValueError, match="path must be a path or a text, got the number 5"):
        as_path("path", 5)


@dataclass(frozen=True)
class Options:
    count: int = 1
    share: float | None = None
    name: str = "a"
    on: bool = True
    file: Path | None = None
    mode: Literal["auto", "fast"] = "auto"
    joints: Literal[17, 26] | None = None
    size: tuple[int, int] | None = None
    several: tuple[str, ...] = ()


@pytest.mark.parametrize(
    "fields",
    [
        {"count": np.int64(3), "share": np.float32(0.5)},
        {"share": 1, "size": [3, 4], "joints": 26, "several": ("a", "b", "c")},
        {"file": Path("a"), "mode": "fast", "on": False},
    ],
)
def test_check_field_types_accepts(fields: dict[str, Any]) -> None:
    check_field_types(Options(**fields))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"count": 1.0}, "count must be a whole number, got the number 1.0"),
        ({"count": True}, "count must be a whole number, got True"),
        ({"share": "0.5"}, "share must be a number or None, got the text '0.5'"),
        ({"name": 3}, "name must be a text, got the number 3"),
        ({"on": 1}, "on must be True or False, got the number 1"),
        ({"file": 3}, "file must be a path or None, got the number 3"),
        ({"mode": "slow"}, "mode must be 'auto' or 'fast', got the text 'slow'"),
        ({"joints": 17.0}, "joints must be 17 or 26 or None, got the number 17.0"),
        (
            {"size": (3, "4")},
            r"size must be \(a whole number, a whole number\) or None, got a tuple",
        ),
        ({"several": "abc"}, "several must be several values, each a text, got the text"),
        ({"several": (1,)}, "several must be several values, each a text, got a tuple of 1 item"),
    ],
)
def test_check_field_types_refuses(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_field_types(Options(**fields))


def test_check_field_types_makes_a_path_of_a_text() -> None:
    options = Options(file="a.mp4")  # type: ignore[arg-type]
    check_field_types(options)
    assert options.file == Path("a.mp4")
