"""Values that somebody wrote into a file, checked against the fields of a dataclass."""

from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints


def table(content: Any, what: str) -> dict[str, Any]:
    """A copy of a table of names and values, lists in it as tuples.

    Raises:
        ValueError: If it is none.
    """
    if not isinstance(content, dict):
        raise ValueError(f"{what} must be a table of names and values, got {content!r}.")
    return {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}


def check_names(kind: type[Any], content: dict[str, Any], what: str) -> None:
    """Refuse names that are no fields.

    Raises:
        ValueError: If there are any.
    """
    known = {f.name for f in fields(kind)}
    if not content.keys() <= known:
        unknown = ", ".join(sorted(content.keys() - known))
        raise ValueError(f"{what} has no {unknown}; it has {', '.join(sorted(known))}.")


def checked(kind: type[Any], content: dict[str, Any]) -> dict[str, Any]:
    """The values, if they are of the types of their fields; whole numbers as floats where needed.

    Raises:
        ValueError: If one is not.
    """
    hints = get_type_hints(kind)
    for name, value in content.items():
        if not _fits(value, hints[name]):
            raise ValueError(f"{name} must be {_said(hints[name])}, got {value!r}.")
    return {name: float(v) if hints[name] is float else v for name, v in content.items()}


def _fits(value: Any, wanted: Any) -> bool:
    parts = get_args(wanted)
    if get_origin(wanted) is Literal:
        return any(value == part and type(value) is type(part) for part in parts)
    if get_origin(wanted) is tuple:
        return isinstance(value, tuple) and _each_fits(value, parts)
    if parts:
        return any(_fits(value, part) for part in parts)
    if isinstance(value, bool):  # which Python takes for a number
        return wanted is bool
    return isinstance(value, (int, float) if wanted is float else wanted)


def _each_fits(values: tuple[Any, ...], wanted: tuple[Any, ...]) -> bool:
    wanted = wanted[:1] * len(values) if ... in wanted else wanted
    return len(values) == len(wanted) and all(map(_fits, values, wanted))


def _said(wanted: Any) -> str:
    if get_origin(wanted) is Literal:
        return f"one of {list(get_args(wanted))}"
    return wanted.__name__ if isinstance(wanted, type) and not get_args(wanted) else str(wanted)
