"""Argument types: errors that name the argument, what it must be, and what came instead."""

from collections.abc import Mapping, Sized
from dataclasses import fields
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_NUMBERS: dict[Any, Any] = {int: Integral, float: Real}
_NAMES: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "a text",
    Path: "a path",
    Mapping: "a mapping",
    NoneType: "None",
}
_SHOWN = 40
"""Characters of a text that an error shows."""


def describe(value: object) -> str:
    """Return in words what a value is: "the text 'coco'", "an array of shape (3, 2)"."""
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return f"the text {value[:_SHOWN]!r}"
    if isinstance(value, Real):
        return f"the number {value}"
    if isinstance(shape := getattr(value, "shape", None), tuple):
        return f"an array of shape {tuple(shape)}"
    if isinstance(value, list | tuple | set | dict) and isinstance(value, Sized):
        items = "1 item" if len(value) == 1 else f"{len(value)} items"
        return f"a {type(value).__name__} of {items}"
    return f"an object of type {type(value).__name__}"


def check_type(name: str, value: object, annotation: Any, hint: str = "") -> None:
    """Raise ValueError if a value does not fit an annotation; ``hint`` tells what to do."""
    if not _fits(value, annotation):
        raise ValueError(
            f"{name} must be {_words(annotation)}, got {describe(value)}{hint and f'; {hint}'}."
        )


def as_path(name: str, value: object) -> Path:
    """Return a text or a path as a path; raise ValueError for anything else."""
    if not isinstance(value, str | PathLike):
        raise ValueError(f"{name} must be a path or a text, got {describe(value)}.")
    return Path(value)


def check_field_types(record: Any) -> None:
    """Compare the fields of a dataclass with their annotations; texts for paths become paths.

    Raises:
        ValueError: If a value is of another type.
    """
    hints = get_type_hints(type(record))
    for each in fields(record):
        value, hint = getattr(record, each.name), hints[each.name]
        if _fits(value, hint):
            continue
        if not isinstance(value, str) or not _fits(Path(), hint):
            check_type(each.name, value, hint)
        object.__setattr__(record, each.name, Path(value))


def check_values(kind: type, values: Mapping[str, Any]) -> None:
    """Compare values from a file with the annotations of the dataclass that is made of them.

    Raises:
        ValueError: If a value is of another type.
    """
    hints = get_type_hints(kind)
    for name in values.keys() & hints:
        check_type(name, values[name], hints[name])


def _fits(value: object, hint: Any) -> bool:
    kind, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if kind in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if kind is Literal:
        return any(type(value) is type(part) and value == part for part in parts)
    if kind is tuple:
        return isinstance(value, tuple | list) and _fit_each(value, parts)
    if hint in _NUMBERS:
        return isinstance(value, _NUMBERS[hint]) and not isinstance(value, bool)
    return isinstance(value, kind or hint)


def _fit_each(values: tuple[Any, ...] | list[Any], parts: tuple[Any, ...]) -> bool:
    if parts[-1] is Ellipsis:
        parts = parts[:1] * len(values)
    return len(values) == len(parts) and all(map(_fits, values, parts))


def _words(hint: Any) -> str:
    """Return in words what an annotation allows."""
    kind, parts = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(_words, parts)))
    if kind is Literal:
        return " or ".join(map(repr, parts))
    if kind is tuple:
        if parts[-1] is Ellipsis:
            return f"several values, each {_words(parts[0])}"
        return f"({', '.join(map(_words, parts))})"
    name = getattr(kind or hint, "__name__", str(hint))
    return _NAMES.get(kind or hint, f"{'an' if name[0] in 'AEIOU' else 'a'} {name}")
