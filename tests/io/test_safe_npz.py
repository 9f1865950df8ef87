"""npz files of strangers: headers, sizes and types are checked before memory is taken."""

import io
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from paths import TRUST

from tcpformer.io import safe_npz
from tcpformer.io.safe_npz import npz_keys, read_npz


def npy(header: str, body: bytes = b"", magic: bytes = b"\x93NUMPY\x01\x00") -> bytes:
    """Return an npy file with this header."""
    text = header.encode("latin-1")
    return magic + struct.pack("<H", len(text)) + text + body


def archive(path: Path, content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("x.npy", content)
    return path


def header(shape: str = "(2,)", descr: str = "'<f8'") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"


def test_read_npz_returns_the_keys_that_are_there(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(3), name="text", other=1)
    data = read_npz(tmp_path / "a.npz", ("x",), ("name",), ("y",), ("note",))
    assert set(data) == {"x", "name"}
    with pytest.raises(ValueError, match=r"keys \['y'\] are missing"):
        read_npz(tmp_path / "a.npz", ("x", "y"))
    with pytest.raises(ValueError, match=r"expected real numbers, got .*name"):
        read_npz(tmp_path / "a.npz", ("name",))
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_npz(tmp_path / "none.npz", ("x",))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.float32(3),
        np.zeros((0, 17, 2)),
        np.array([True, False]),
        np.arange(3, dtype=">i2"),
        np.array(["Hip", "größer"]),
        np.array(b"bytes"),
    ],
    ids=str,
)
def test_read_npz_reads_what_numpy_writes(save, array: np.ndarray, tmp_path: Path) -> None:
    save(tmp_path / "a.npz", x=array)
    found = read_npz(tmp_path / "a.npz", (), ("x",))["x"]
    assert (found.dtype, found.shape) == (np.asarray(array).dtype, np.shape(array))
    np.testing.assert_array_equal(found, array)


def test_read_npz_looks_only_at_the_keys_it_needs(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(3), y=np.array([None, {}]))
    assert read_npz(tmp_path / "a.npz", ("x",))["x"].tolist() == [0, 1, 2]
    assert npz_keys(tmp_path / "a.npz") == ["x", "y"]
    with pytest.raises(ValueError, match=r"a\.npz: y: it holds Python objects.*dtype=str"):
        read_npz(tmp_path / "a.npz", ("x", "y"))


@pytest.mark.parametrize(
    "content",
    [
        npy("-" * 5000),
        npy("(" * 5000),
        npy("{'descr': '<f8', 'shape': (3,)"),
        npy("{'descr': '<f8', 'descr': '<f8', 'shape': (2,)}", bytes(16)),
        npy(header("(1000000000000,)")),
        npy(header("(-1,)"), bytes(8)),
        npy(header("(" + "9" * 150 + ",)")),
        npy(header("(0, 1000000000000)")),
        npy(header("(" + "1, " * 60 + ")"), bytes(8)),
        npy(header("(3,)"), bytes(16)),
        npy(header("(1,)"), bytes(16)),
        npy(header(descr="[('a', '<f8'), ('b', '<f8')]"), bytes(32)),
        npy(header(descr="'<U0'")),
        npy(header(descr="'<M8[ns]'"), bytes(16)),
        npy(header(descr="'<q9'"), bytes(16)),
        npy(header(descr="__import__('os')"), bytes(16)),
        npy(header(), bytes(16), magic=b"\x93NUMPY\x09\x00"),
        npy(header(), bytes(16), magic=b"#NUMPY\x01\x00 "),
        npy(header()[:20])[:15],
        b"",
    ],
)
def test_read_npz_refuses_a_bad_member_in_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", content)
    with pytest.raises(ValueError, match=r"a\.npz: x: ") as error:
        read_npz(path, ("x",))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_read_npz_refuses_compression_of_other_programs(compression: int, tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", npy(header(), bytes(16)), compression)
    with pytest.raises(ValueError, match="expected no compression, or that of"):
        read_npz(path, ("x",))


def test_read_npz_refuses_a_zip_bomb_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = 2**21
    monkeypatch.setattr(safe_npz, "ALWAYS_ALLOWED", allowed)
    count = 4 * allowed // 8
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("small.npy", npy(header("(1,)"), bytes(8)))
        with file.open("x.npy", "w") as stream:
            stream.write(npy(header(f"({count},)")))
            for _ in range(4):
                stream.write(bytes(allowed))
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(ValueError, match=r"take 8,388,\d+ bytes in memory, but at most 2,097,152 "):
        read_npz(tmp_path / "a.npz", ("x",))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**19
    assert time.process_time() - started < 1
    assert read_npz(tmp_path / "a.npz", ("small",))["small"].tolist() == [0.0]


def test_read_npz_allows_large_arrays_of_large_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safe_npz, "ALWAYS_ALLOWED", 0)
    rng = np.random.default_rng(0)
    xy = np.round(rng.normal(500, 200, (3_000, 17, 2)), 1)
    np.savez_compressed(tmp_path / "a.npz", xy=xy, confidence=np.ones((3_000, 17)))
    found = read_npz(tmp_path / "a.npz", ("xy", "confidence"))
    np.testing.assert_array_equal(found["xy"], xy)


@pytest.mark.parametrize("at", [0, 30, 60, 200, -30, -5])
def test_read_npz_refuses_damaged_archives(at: int, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=np.random.default_rng(0).normal(size=500))
    content = bytearray(buffer.getvalue())
    content[at : at + 4 or None] = b"\xff\x00\xff\x00"
    (tmp_path / "a.npz").write_bytes(content)
    try:
        read_npz(tmp_path / "a.npz", ("x",))
    except ValueError as error:
        assert str(tmp_path / "a.npz") in str(error)  # noqa: PT017 - some bytes do not matter


@pytest.mark.skipif(not TRUST.is_dir(), reason="needs ../shared")
@pytest.mark.parametrize("name", ["token", "recursion", "huge_shape"])
def test_read_npz_refuses_the_headers_of_the_cases(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name}\.npz: fps: "):
        read_npz(TRUST / "03-npz-headers" / f"{name}.npz", ("fps",))
