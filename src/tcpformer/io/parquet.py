"""A motion as Parquet: the tidy table, and the description in the metadata of the file.

The key of the description is the one of pandas: ``pandas.read_parquet(path).attrs`` is it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..files import atomic_write, brief
from ..motion import Motion3D
from .motion_table import COLUMNS, describe, iterate_columns, read_columns

_KEY = b"PANDAS_ATTRS"
_INTEGERS = ("person", "frame", "seen")
_ALWAYS_ALLOWED = 1_000_000
"""Rows that a file may have, and as many more as it has bytes: rows of one value take no place."""


def write_parquet(motions: Sequence[Motion3D], path: str | Path) -> None:
    """Write motions as Parquet; `read_parquet` is the inverse. Empty cells are nulls.

    Raises:
        ValueError: If two people have the same number.
        OSError: If the folder does not exist or cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    description = json.dumps(describe(motions), ensure_ascii=False)
    types: dict[str, Any] = dict.fromkeys(COLUMNS, pa.float64())
    types |= dict.fromkeys(_INTEGERS, pa.int64()) | {"joint": pa.string()}
    schema = pa.schema(list(types.items()), metadata={_KEY: description.encode()})
    with atomic_write(path) as beside, pq.ParquetWriter(beside, schema) as writer:
        for columns in iterate_columns(motions):
            arrays = [pa.array(columns[name], types[name], from_pandas=True) for name in COLUMNS]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def read_parquet(path: Path) -> list[Motion3D]:
    """Read motions that `write_parquet` wrote.

    Raises:
        ValueError: If it is not such a file, or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as stream, pq.ParquetFile(stream) as file:
            rows, limit = file.metadata.num_rows, _ALWAYS_ALLOWED + path.stat().st_size
            if rows > limit:
                raise ValueError(f"expected at most {limit:,} rows in this file, got {rows:,}.")
            metadata, names = file.metadata.metadata or {}, file.schema_arrow.names
            if _KEY not in metadata:
                raise ValueError(f"expected a motion, with a description in {_KEY.decode()!r}.")
            table = file.read([name for name in COLUMNS if name in names])
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: not a Parquet file, or damaged ({brief(error)}).") from error
    columns = {name: _values(table.column(name)) for name in table.column_names}
    return read_columns(json.loads(metadata[_KEY]), columns)


def _values(column: Any) -> Any:
    """Return a column as numbers, NaN for nulls, or as texts."""
    import pyarrow as pa

    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return column.cast(pa.float64()).to_numpy()
    return column.to_pylist()
