"""Motion as Parquet."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motions import walk
from round_trips import check_same, motions
from walk26 import walk26

from tcpformer.io import load, save
from tcpformer.io.parquet import read_parquet, write_parquet
from tcpformer.motion import Motion3D

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@settings(max_examples=8, deadline=None)
@given(st.tuples(motions(0), motions(3)))
def test_read_parquet_inverts_write_parquet(people: tuple[Motion3D, Motion3D]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.parquet"
        save(people, path)
        for read, wrote in zip(load(path), people, strict=True):
            check_same(read, wrote)


def test_write_parquet_is_read_by_pandas_with_its_description(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    motion = walk26(40)
    write_parquet([motion], tmp_path / "a.parquet")
    table = pandas.read_parquet(tmp_path / "a.parquet")
    hip = table[table.joint == "Hip"]
    np.testing.assert_allclose(hip[["x", "y", "z"]], motion.xyz[:, 0], atol=1e-6)
    np.testing.assert_allclose(hip.time, motion.times, atol=1e-9)
    assert table.attrs["people"][0]["fps"] == 30.0
    assert table.contact.isna().any()


def test_read_parquet_refuses_what_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    for content in (b"", b"PAR1" * 10, bytes(1000)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a Parquet file, or damaged"):
            read_parquet(path)


def test_read_parquet_refuses_a_table_of_another_program(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1.0]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="a description in 'PANDAS_ATTRS'"):
        load(tmp_path / "a.parquet")


def test_read_parquet_refuses_rows_that_take_no_place(tmp_path: Path) -> None:
    write_parquet([walk(2)], tmp_path / "a.parquet")
    metadata = pq.read_schema(tmp_path / "a.parquet").metadata
    many = pa.table({"x": np.zeros(3_000_000)}).replace_schema_metadata(metadata)
    pq.write_table(many, tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="rows in this file, got 3,000,000"):
        load(tmp_path / "a.parquet")
