"""Rows and cells of CSV files."""

from pathlib import Path

import numpy as np
import pytest

from tcpformer.io.csv_tables import Row, parse_frame, parse_numbers, read_rows


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_read_rows_takes_what_spreadsheets_write(
    delimiter: str, end: str, start: str, tmp_path: Path
) -> None:
    text = end.join([delimiter.join(cells) for cells in (["a", '"b c"'], [" 1", ""], ["", ""])])
    (tmp_path / "a.csv").write_bytes((start + text).encode())
    assert list(read_rows(tmp_path / "a.csv")) == [Row(1, ["a", "b c"]), Row(2, ["1", ""])]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00a", b"a,b\n" + b"x" * 200_000, b'a,"b'])
def test_read_rows_refuses_what_is_no_table(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    try:
        rows = list(read_rows(tmp_path / "a.csv"))
    except ValueError as error:
        assert "a.csv" in str(error)  # noqa: PT017 - an unclosed quote is a cell
    else:
        assert rows == [Row(1, ["a", "b"])]


def test_parse_numbers_gives_nan_for_empty_cells() -> None:
    row = Row(4, ["x", "1.5", "", "-2e3"])
    np.testing.assert_array_equal(
        parse_numbers(Path("a"), row, [1, 2, 3], "abcd"), [1.5, np.nan, -2000]
    )


@pytest.mark.parametrize("cell", ["1,5", "x", "1 2", "0x1"])
def test_parse_numbers_names_the_cell(cell: str) -> None:
    with pytest.raises(ValueError, match=rf"a\.csv, line 4, column 2 \(b\): .* got '{cell}'"):
        parse_numbers(Path("a.csv"), Row(4, ["x", cell]), [1], ["a", "b"])


def test_parse_frame_takes_whole_numbers_alone() -> None:
    assert [parse_frame(Path("a"), Row(1, [text]), 0, "n") for text in ("0", "7.0", "12")] == [
        0,
        7,
        12,
    ]
    for text in ("", "nan", "inf", "-1", "1.5", "one"):
        with pytest.raises(ValueError, match=r"line 1, column 1 \(n\): expected the number"):
            parse_frame(Path("a"), Row(1, [text]), 0, "n")
