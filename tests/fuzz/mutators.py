"""Damage that suits any file: its bytes, its numbers, its lines, a tree of values.

A mutator takes the bytes of a file and a generator, and returns other bytes. What a format needs
beyond that is in `structured`.
"""

import copy
import json
import re
import tomllib
from collections.abc import Callable, Sequence
from typing import Any

from numpy.random import Generator

Mutator = Callable[[bytes, Generator], bytes]

NUMBERS = (
    "0", "-0", "-1", "1", "2", "0.5", "1e308", "-1e308", "1e-320", "nan", "inf", "-inf", "NaN",
    "Infinity", "", "null", "true", "9" * 30, "9" * 5000, "1e9", "2147483648", "-2147483649",
    "4294967295", "18446744073709551616", "1e400", "0x10", "1_000", "1,5", "+", "1e", "\u0663",
)  # fmt: skip
"""What takes the place of a number in a text."""
INTEGERS = (0, 1, 2, 3, 7, 127, 128, 255, 256, 32767, 65535, 2**20, 2**31 - 1, 2**31, 2**32 - 1)
LONG_INTEGERS = (*INTEGERS, 2**33, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
WORDS = ("", "\0", "\x1b[31m", "\u202e", "\U0001f600", "\ud7ff", "'", '"', "\\", "../../x", "%s")
"""What takes the place of a word or a name."""


def pick(rng: Generator, items: Sequence[Any]) -> Any:
    """Return one of some items, of any types."""
    return items[int(rng.integers(len(items)))]


def span(data: bytes, rng: Generator, longest: int = 4096) -> tuple[int, int]:
    """Return start and end of a piece, short ones more often."""
    start = int(rng.integers(len(data) + 1))
    length = int(2 ** rng.uniform(0, 12))
    return start, min(start + min(length, longest), len(data))


# Bytes


def flip_bits(data: bytes, rng: Generator) -> bytes:
    new = bytearray(data)
    for _ in range(int(2 ** rng.uniform(0, 5)) if new else 0):
        new[int(rng.integers(len(new)))] ^= 1 << int(rng.integers(8))
    return bytes(new)


def overwrite(data: bytes, rng: Generator) -> bytes:
    start, end = span(data, rng)
    fill = (b"\0", b"\xff", b" ", None)[int(rng.integers(4))]
    return data[:start] + (fill * (end - start) if fill else rng.bytes(end - start)) + data[end:]


def delete(data: bytes, rng: Generator) -> bytes:
    start, end = span(data, rng)
    return data[:start] + data[end:]


def truncate(data: bytes, rng: Generator) -> bytes:
    return data[: int(rng.integers(len(data) + 1))]


def duplicate(data: bytes, rng: Generator) -> bytes:
    start, end = span(data, rng)
    return data[:end] + data[start:end] * int(2 ** rng.uniform(0, 6)) + data[end:]


def splice(data: bytes, rng: Generator) -> bytes:
    (start, end), at = span(data, rng), int(rng.integers(len(data) + 1))
    over = (end - start) * int(rng.integers(2))
    return data[:at] + data[start:end] + data[at + over :]


def put_integer(data: bytes, rng: Generator) -> bytes:
    width, order = pick(rng, (1, 2, 4, 8)), pick(rng, ("little", "big"))
    number = pick(rng, LONG_INTEGERS) % (1 << 8 * width)
    at = int(rng.integers(len(data) + 1))
    return data[:at] + number.to_bytes(width, order) + data[at + width :]


BYTES: tuple[Mutator, ...] = (
    flip_bits, overwrite, delete, truncate, duplicate, splice, put_integer,
)  # fmt: skip


# Texts


def replace_number(data: bytes, rng: Generator) -> bytes:
    found = list(re.finditer(rb"-?\d[\d.eE+-]*", data))
    return _replace(data, found, NUMBERS, rng)


def replace_word(data: bytes, rng: Generator) -> bytes:
    found = list(re.finditer(rb"[A-Za-z_]\w*", data))
    others = [m.group().decode("latin1") for m in found]
    return _replace(data, found, (*WORDS, *others[:50]), rng)


def _replace(data: bytes, found: list[re.Match[bytes]], by: Sequence[str], rng: Generator) -> bytes:
    if not found:
        return flip_bits(data, rng)
    match = pick(rng, found)
    new = pick(rng, by).encode("utf-8", "surrogatepass")
    return data[: match.start()] + new + data[match.end() :]


def edit_lines(data: bytes, rng: Generator) -> bytes:
    lines = data.split(b"\n")
    at, other = int(rng.integers(len(lines))), int(rng.integers(len(lines)))
    match int(rng.integers(4)):
        case 0:
            del lines[at]
        case 1:
            lines.insert(other, lines[at])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case _:
            words = lines[at].split()
            rng.shuffle(words)
            lines[at] = b" ".join(words)
    return b"\n".join(lines)


def nest(data: bytes, rng: Generator) -> bytes:
    """Put many opening brackets somewhere."""
    at, depth = int(rng.integers(len(data) + 1)), int(10 ** rng.uniform(0, 5))
    return data[:at] + pick(rng, (b"[", b'{"a":', b"(", b"{\n")) * depth + data[at:]


TEXT: tuple[Mutator, ...] = (
    replace_number, replace_number, replace_word, edit_lines, edit_lines, nest, *BYTES,
)  # fmt: skip


# Trees of dicts, lists and plain values


def _odd_value(tree: Any, rng: Generator) -> Any:
    values: tuple[Any, ...] = (
        None, True, 0, -1, 1, 2, 10**9, 10**30, 2**63, -(2**63), 1e308, -1e308, 1e-320, 0.5,
        float("nan"), float("inf"), "", "x", "x" * 10_000, *WORDS, [], {}, [[]], [None], {"": 0},
        [0] * 1000, [1e300] * 17, tree,
    )  # fmt: skip
    return copy.deepcopy(pick(rng, values))


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Return every container and key or index in it."""
    found, todo = [], [tree]
    while todo and len(found) < 5000:
        node = todo.pop()
        keys = node if isinstance(node, dict) else range(len(node)) if _is_list(node) else ()
        found += [(node, key) for key in keys]
        todo += [node[key] for key in keys]
    return found


def _is_list(node: Any) -> bool:
    return isinstance(node, list)


def mutate_tree(tree: Any, rng: Generator) -> Any:
    """Return a copy with a value replaced, removed, repeated, renamed or moved."""
    tree = copy.deepcopy(tree)
    for _ in range(int(2 ** rng.uniform(0, 2))):
        places = _places(tree)
        if not places:
            return _odd_value(tree, rng)
        node, key = pick(rng, places)
        _change_value(node, key, pick(rng, places), rng)
    return tree


def _change_value(node: Any, key: Any, other: tuple[Any, Any], rng: Generator) -> None:
    value, what = node[key], int(rng.integers(6))
    if what == 0:
        del node[key]
    elif what == 1:
        node[key] = copy.deepcopy(other[0][other[1]])
    elif what == 2 and _is_list(node):
        node.insert(key, copy.deepcopy(value))
    elif what == 3 and isinstance(node, dict):
        node[pick(rng, (*WORDS, "x", "model"))] = node.pop(key)
    elif what == 4 and isinstance(value, int | float):
        node[key] = value * pick(rng, (-1, 0, 2, 1e9, 1e-9)) + pick(rng, (0, 1))
    else:
        node[key] = _odd_value(value, rng)


def json_tree(data: bytes, rng: Generator) -> bytes:
    try:
        tree = mutate_tree(json.loads(data), rng)
        return json.dumps(tree, ensure_ascii=bool(rng.integers(2))).encode("utf-8", "ignore")
    except (ValueError, RecursionError):  # damaged before
        return replace_number(data, rng)


def toml_tree(data: bytes, rng: Generator) -> bytes:
    try:
        tree = mutate_tree(tomllib.loads(data.decode()), rng)
    except (ValueError, RecursionError):
        return replace_number(data, rng)
    if not isinstance(tree, dict):
        return str(tree).encode("utf-8", "ignore")
    plain = {key: value for key, value in tree.items() if not isinstance(value, dict)}
    tables = {key: value for key, value in tree.items() if isinstance(value, dict)}
    lines = [f"{json.dumps(str(key))} = {_toml(value)}" for key, value in plain.items()]
    for name, table in tables.items():
        lines.append(f"[{json.dumps(str(name))}]")
        lines += [f"{json.dumps(str(key))} = {_toml(value)}" for key, value in table.items()]
    return "\n".join(lines).encode("utf-8", "ignore")


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f"{json.dumps(str(key))} = {_toml(each)}" for key, each in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float):
        return str(value)
    return "1979-05-27T07:32:00Z" if value is None else json.dumps(value)
