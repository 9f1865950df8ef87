"""Damage that keeps a container whole and changes what is in it: zip, npy, pickle, protobuf."""

import io
import json
import pickletools
import struct
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import mutators
import numpy as np
from mutators import BYTES, INTEGERS, LONG_INTEGERS, WORDS, Mutator, pick
from numpy.random import Generator


def any_bytes(data: bytes, rng: Generator) -> bytes:
    return pick(rng, BYTES)(data, rng)


# Zip


def zip_members(inner: Callable[[str], Mutator]) -> Mutator:
    """Return a mutator of one member of an archive: its content, its name, or that it is there."""

    def mutate(data: bytes, rng: Generator) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = [(name, archive.read(name)) for name in archive.namelist()]
        except Exception:
            return any_bytes(data, rng)
        if not members:
            return any_bytes(data, rng)
        at = int(rng.integers(len(members)))
        name, content = members[at]
        match int(rng.integers(12)):
            case 0:
                del members[at]
            case 1:
                members.append(members[at])
            case 2:
                other = pick(rng, (*WORDS[2:], "x.npy", "/etc/x", pick(rng, members)[0]))
                members[at] = (other or "x", content)
            case 3:
                members[at] = (name, pick(rng, members)[1])
            case _:
                members[at] = (name, inner(name)(content, rng))
        return _pack(members, pick(rng, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))

    return mutate


def _pack(members: list[tuple[str, bytes]], method: int) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return stream.getvalue()


def zip_directory(data: bytes, rng: Generator) -> bytes:
    """Change a field of a local header, of the directory, or of its end."""
    signatures = (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06")
    starts = [i for s in signatures for i in _find_all(data, s)]
    if not starts:
        return any_bytes(data, rng)
    at = pick(rng, starts) + 4 + 2 * int(rng.integers(21))
    width = pick(rng, (2, 4))
    number = (pick(rng, INTEGERS) % (1 << 8 * width)).to_bytes(width, "little")
    return data[:at] + number + data[at + width :]


def _find_all(data: bytes, wanted: bytes) -> list[int]:
    found, at = [], data.find(wanted)
    while at >= 0:
        found.append(at)
        at = data.find(wanted, at + 1)
    return found


# Arrays

_SHAPES = (
    "()", "(0,)", "(1,)", "(-1,)", "(2, 2)", "(1000000000000,)", "(100000, 17, 2)", "(0, 17, 2)",
    "(2**62, 4)", "(9223372036854775808,)", "(True,)", "(1.5,)", "5", "None", "(" * 300 + ")" * 300,
)  # fmt: skip
_DESCRS = (
    "'<f8'", "'<f2'", "'|b1'", "'<i8'", "'|O'", "'<U100'", "'<U999999999'", "'|S0'", "'<c16'",
    "'<M8[ns]'", "'|V8'", "[('a', '<f8'), ('b', '<i4', (3,))]", "'>f4'", "5", "'x'",
    "('<f8', (2,))",
)  # fmt: skip


def npy(data: bytes, rng: Generator) -> bytes:
    """Change the header of an array, or its numbers, type or shape."""
    try:
        if rng.random() < 0.35:
            return _npy_header(data, rng)
        array = np.load(io.BytesIO(data), allow_pickle=False)
        stream = io.BytesIO()
        with warnings.catch_warnings(action="ignore"):
            np.save(stream, _change_array(array, rng), allow_pickle=True)
        return stream.getvalue()
    except Exception:
        start = data.find(b"\x80", 10)  # a pickled object follows the header
        return data[:start] + pickled(data[start:], rng) if start > 0 else any_bytes(data, rng)


def _npy_header(data: bytes, rng: Generator) -> bytes:
    length = struct.unpack("<H", data[8:10])[0]
    header, body = data[10 : 10 + length].decode("latin1").rstrip(), data[10 + length :]
    parts = {key: header.find(f"'{key}':") for key in ("descr", "shape")}
    match int(rng.integers(3)):
        case 0:
            end = header.rfind("}")
            header = header[: parts["shape"]] + f"'shape': {pick(rng, _SHAPES)}, " + header[end:]
        case 1:
            at = header.find(", 'fortran")
            header = f"{{'descr': {pick(rng, _DESCRS)}{header[at:]}"
        case _:
            header = mutators.replace_word(header.encode(), rng).decode("latin1")
            header = pick(rng, mutators.TEXT)(header.encode("latin1"), rng).decode("latin1")
    raw = (header + "\n").encode("latin1")[:65000]
    version = pick(rng, (b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"))
    width = "<H" if version == b"\x01\x00" else "<I"
    return b"\x93NUMPY" + version + struct.pack(width, len(raw)) + raw + body


_TYPES = ("f2", "f4", "f8", "i1", "u1", "i8", "u8", "b1", "c16", "U5", "S3", "O", "f16", "M8[s]")
_VALUES = (0, -1, 1, 1e308, -1e308, 1e-320, np.nan, np.inf, -np.inf, 1e9, 255, 2**31, -(2**63))


def _change_array(array: np.ndarray, rng: Generator) -> np.ndarray:
    match int(rng.integers(7)):
        case 0:
            return array.astype(pick(rng, _TYPES))
        case 1:
            shapes = (array[None], array.ravel(), array.T, array[..., None], array.reshape(-1)[:1])
            return pick(rng, shapes)
        case 2 if array.ndim:
            return np.delete(array, int(rng.integers(max(len(array), 1))), axis=0)
        case 3 if array.ndim:
            axis = int(rng.integers(array.ndim))
            return np.concatenate([array, array], axis=axis)
        case 4:
            return np.zeros(pick(rng, ((), (0,), (1,), (2, 2), (0, 17, 2), (3, 17, 3), (1000,))))
        case 5:
            return np.sort(array, axis=0)[::-1] if array.ndim else array
        case _:
            return _put_values(array, rng)


def _put_values(array: np.ndarray, rng: Generator) -> np.ndarray:
    odd: Any = pick(rng, WORDS) if array.dtype.kind in "US" else pick(rng, _VALUES)
    kind = np.result_type(array.dtype, "f8") if isinstance(odd, float) else array.dtype
    array = np.array(array, kind)
    where = rng.random(array.shape) < pick(rng, (0.01, 0.1, 0.5, 1.0))
    with np.errstate(all="ignore"):
        array[where] = np.array(odd).astype(array.dtype)
    return array


def npz(data: bytes, rng: Generator) -> bytes:
    return zip_members(lambda name: npy)(data, rng)


NPZ: tuple[Mutator, ...] = (npz, npz, npz, npz, zip_directory, any_bytes)


# Pickles

_OPCODES = (
    b"c" + b"os\nsystem\n", b"cbuiltins\neval\n", b"cnumpy\nndarray\n", b"c_codecs\nencode\n",
    b"ccollections\nOrderedDict\n", b"cnumpy.core.multiarray\n_reconstruct\n", b"R", b"b", b"o",
    b"i" + b"os\nsystem\n", b"\x81", b"\x92", b"\x93", b"t", b"l", b"d", b"(", b")", b"]", b"}",
    b"e", b"u", b"s", b"a", b"\x90", b"\x91", b"0", b"1", b"2", b".", b"N", b"K\xff", b"\x85",
    b"J\xff\xff\xff\x7f", b"I99999999999999999999\n", b"F1e400\n", b"\x8a\x08" + b"\xff" * 8,
    b"\x8b\xff\xff\xff\x7f", b"B\xff\xff\xff\x7f", b"\x8e" + b"\xff" * 7 + b"\x7f", b"\x94",
    b"X\xff\xff\xff\xff", b"T\xff\xff\xff\x7f", b"\x96" + b"\xff" * 7 + b"\x7f", b"\x97", b"\x98",
    b"r\xff\xff\xff\x7f", b"j\x00\x00\x00\x00", b"q\x00", b"h\x00", b"P1\n", b"Q", b"\x82\x01",
    b"\x95" + b"\xff" * 8, b"\x80\x05", b"S'x'\n", b"VX\n", b"p9\n", b"g0\n", b"G" + b"\x7f" * 8,
)  # fmt: skip


def pickled(data: bytes, rng: Generator) -> bytes:
    """Remove, repeat, exchange or insert opcodes, or change their arguments."""
    pieces = _opcode_pieces(data)
    if len(pieces) < 2:
        return any_bytes(data, rng)
    for _ in range(int(2 ** rng.uniform(0, 3))):
        at, other = int(rng.integers(len(pieces))), int(rng.integers(len(pieces)))
        match int(rng.integers(6)):
            case 0:
                pieces[at] = b""
            case 1:
                pieces.insert(other, pieces[at])
            case 2:
                pieces[at], pieces[other] = pieces[other], pieces[at]
            case 3:
                pieces.insert(at, pick(rng, _OPCODES))
            case 4:
                pieces[at] = pieces[at][:1] + any_bytes(pieces[at][1:], rng)
            case _:
                pieces[at] = pick(rng, _OPCODES)
    return b"".join(pieces)


def _opcode_pieces(data: bytes) -> list[bytes]:
    """Cut a pickle at its opcodes; what cannot be parsed is the last piece."""
    starts = [0]
    with suppress(Exception):
        for _, _, at in pickletools.genops(data):
            starts += [at] if at else []
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


def embedded_pickle(data: bytes, rng: Generator) -> bytes:
    """Change the pickle of texts that PyTables stores, keeping its place and length."""
    start = data.find(b"(lp0")
    end = data.find(b"a.", start) + 2
    if start < 0 or end < 2:
        return any_bytes(data, rng)
    new = pickled(data[start:end], rng)[: end - start]
    return data[:start] + new.ljust(end - start, b"\0") + data[end:]


PICKLE: tuple[Mutator, ...] = (pickled, pickled, pickled, any_bytes)


def _torch_member(name: str) -> Mutator:
    return pickled if name.endswith(".pkl") else any_bytes


TORCH: tuple[Mutator, ...] = (
    zip_members(_torch_member), zip_members(_torch_member), zip_directory, pickled, any_bytes,
)  # fmt: skip
PICKLED_NPZ: tuple[Mutator, ...] = (npz, npz, zip_directory, any_bytes)


# Safetensors


def safetensors(data: bytes, rng: Generator) -> bytes:
    """Change the header, or put other numbers into the tensors."""
    length = int.from_bytes(data[:8], "little")
    header, body = data[8 : 8 + length], data[8 + length :]
    if rng.random() < 0.7:
        header = pick(rng, (mutators.json_tree, mutators.json_tree, *mutators.TEXT))(header, rng)
    else:
        odd = struct.pack("<f", pick(rng, (np.nan, np.inf, 1e38, -1.0, 0.0)))
        at = int(rng.integers(len(body) // 4 + 1)) * 4
        body = body[:at] + odd + body[at + 4 :]
    size = len(header) if rng.random() < 0.9 else pick(rng, LONG_INTEGERS)
    return (size % 2**64).to_bytes(8, "little") + header + body


SAFETENSORS: tuple[Mutator, ...] = (safetensors, safetensors, any_bytes)


# Protocol buffers, as in ONNX

Field = tuple[int, int, Any]
"""Number, wire type, and a varint or bytes."""


def protobuf(data: bytes, rng: Generator, depth: int = 0) -> bytes:
    """Change, remove, repeat or move a field, at any depth; lengths around it stay right."""
    try:
        fields = _parse_fields(data)
    except Exception:
        return any_bytes(data, rng)
    if not fields:
        return any_bytes(data, rng)
    at = int(rng.integers(len(fields)))
    number, wire, value = fields[at]
    if wire == 2 and len(value) > 3 and depth < 6 and rng.random() < 0.75:
        fields[at] = (number, wire, protobuf(value, rng, depth + 1))
        return _write_fields(fields)
    match int(rng.integers(5)):
        case 0:
            del fields[at]
        case 1:
            fields += [fields[at]] * int(2 ** rng.uniform(0, 8))
        case 2:
            fields[at] = (int(rng.integers(1, 30)), wire, value)
        case _:
            new = pick(rng, LONG_INTEGERS) if wire == 0 else any_bytes(value, rng)
            fields[at] = (number, wire, new if wire in (0, 2) else new[: len(value)])
    return _write_fields(fields)


def _parse_fields(data: bytes) -> list[Field]:
    fields, at = [], 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
        else:
            size, at = _varint(data, at) if wire == 2 else ({1: 8, 5: 4}[wire], at)
            if at + size > len(data):
                raise ValueError("no message")
            value, at = data[at : at + size], at + size
        fields.append((number, wire, value))
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at


def _write_fields(fields: list[Field]) -> bytes:
    parts = []
    for number, wire, value in fields:
        parts.append(_write_varint(number << 3 | wire))
        parts.append(_write_varint(value) if wire == 0 else value)
        if wire == 2:
            parts.insert(-1, _write_varint(len(value)))
    return b"".join(parts)


def _write_varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def description_in_protobuf(data: bytes, rng: Generator) -> bytes:
    """Change the JSON that our exported files hold."""
    start, end = data.find(b'{"architecture"'), data.rfind(b"}}") + 2
    fields = _parse_fields(data) if start > 0 else []
    for i, (number, wire, value) in enumerate(fields):
        if wire == 2 and b'{"architecture"' in value and number != 7:
            entry = _parse_fields(value)
            text = entry[-1][2]
            entry[-1] = (entry[-1][0], 2, mutators.json_tree(text, rng))
            fields[i] = (number, wire, _write_fields(entry))
    return _write_fields(fields) if fields and end > start else protobuf(data, rng)


ONNX: tuple[Mutator, ...] = (protobuf, protobuf, any_bytes)
JSON: tuple[Mutator, ...] = (mutators.json_tree,) * 6 + mutators.TEXT
TOML: tuple[Mutator, ...] = (mutators.toml_tree,) * 6 + mutators.TEXT


def json_lines(data: bytes, rng: Generator) -> bytes:
    """Change one line of a file with a JSON object a line."""
    lines = data.splitlines()
    if not lines:
        return json.dumps({}).encode()
    at = int(rng.integers(len(lines)))
    lines[at] = mutators.json_tree(lines[at], rng)
    return b"\n".join(lines) + b"\n"
