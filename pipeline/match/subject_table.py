"""Tables with facts that file names do not give: CSV, Excel, or one-dimensional arrays of an HDF5 file."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.attrition import BadScan
from pipeline.manifest.layout import Column
from pipeline.manifest.path_pattern import composed
from pipeline.readers.hdf5 import array_of
from universeg.imageio.library_warnings import library_warnings

TableRow = Mapping[str, str]  # part -> text of the cell
Cells = Sequence[Sequence[str]]
MAX_BYTES = 64 << 20  # bytes of a CSV or Excel file
MAX_ROWS = 1 << 20
DELIMITERS = ",;\t|"
HEADER_ROWS = 10  # the row with the column names is among these: a spreadsheet may have titles above it


def read_table(path: Path, columns: Mapping[str, Column], parts: Mapping[str, str]) -> list[TableRow]:
    """The rows of a table, with the parts that `columns` names.

    A part that has a regular expression in `parts` is what the expression finds in the cell. Raises BadScan for a file
    that is not a table or lacks a column.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise BadScan(f"is not a table: expected {', '.join(_READERS)}", str(path), "correct the manifest's table")
    try:
        found = [_row(cells, parts) for cells in reader(path, columns)]
    except BadScan as bad:
        raise BadScan(bad.reason, str(path), bad.remedy or "fetch the table again") from bad
    except Exception as error:
        reason = f"cannot be read as a table: {type(error).__name__}: {error}"
        raise BadScan(reason, str(path), "fetch the table again") from error
    return found


def _row(cells: TableRow, parts: Mapping[str, str]) -> TableRow:
    row = {}
    for name, text in cells.items():
        match = re.search(parts[name], text) if name in parts else None
        row[name] = match.group() if match else _clean(text)
    return row


def _clean(text: str) -> str:
    """The text as the patterns of paths have it, so that it can be compared with a part of a path."""
    return composed(text.strip())


def _csv(path: Path, columns: Mapping[str, Column]) -> Iterator[TableRow]:
    """The rows of a text file with any of the usual delimiters: the one with which a row names all the columns."""
    text = _text(_checked_size(path).read_bytes())
    for delimiter in DELIMITERS:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        cells = [[_clean(cell) for cell in line] for line in lines]
        if any(_positions(line, columns) is not None for line in cells[:HEADER_ROWS]):
            break
    return _rows_below_header(cells, columns)


def _text(data: bytes) -> str:
    """The text of a file, without the byte-order mark with which Excel begins it."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")  # what Excel writes on Windows in Western Europe


def _excel(path: Path, columns: Mapping[str, Column]) -> Iterator[TableRow]:
    import pandas as pd

    with library_warnings():  # about styles and links, which a table of subjects does not need
        text = pd.read_excel(_checked_size(path), header=None, dtype=str, keep_default_na=False)
    return _rows_below_header([[_clean(str(cell)) for cell in row] for row in text.to_numpy().tolist()], columns)


def _checked_size(path: Path) -> Path:
    if path.stat().st_size > MAX_BYTES:
        raise BadScan(f"is larger than {MAX_BYTES} bytes, too large for a table of subjects")
    return path


def _rows_below_header(cells: Cells, columns: Mapping[str, Column]) -> Iterator[TableRow]:
    """The rows below the first one that names all the columns; rows without any text are left out."""
    found = ((number, _positions(row, columns)) for number, row in enumerate(cells[:HEADER_ROWS]))
    start, positions = next(((number, at) for number, at in found if at is not None), (0, None))
    if positions is None:
        wanted = sorted({_name(column) for column in columns.values()})
        first = next(("; its first row is: " + ", ".join(row)[:200] for row in cells if any(row)), "; it is empty")
        raise BadScan(f"no row names the columns {wanted}{first}", remedy="correct the table's columns in the manifest")
    for name in {_name(column) for column in columns.values()}:
        if (count := cells[start].count(name)) > 1:
            raise BadScan(f"{count} columns have the name {name!r}", remedy="rename all but one of them")
    for row in filter(any, cells[start + 1 :]):
        yield {part: row[at] if at < len(row) else "" for part, at in positions.items()}


def _name(column: Column) -> str:
    return column if isinstance(column, str) else column[0]


def _positions(header: Sequence[str], columns: Mapping[str, Column]) -> dict[str, int] | None:
    """The position of each part's column; None if the header does not name all of them."""
    if not {_name(column) for column in columns.values()} <= set(header):
        return None
    offsets = {part: 0 if isinstance(column, str) else column[1] for part, column in columns.items()}
    return {part: header.index(_name(column)) + offsets[part] for part, column in columns.items()}


def _hdf5(path: Path, columns: Mapping[str, Column]) -> Iterator[TableRow]:
    import h5py

    with h5py.File(path) as file:
        arrays = {part: array_of(file, str(column)) for part, column in columns.items()}
        if any(array.ndim != 1 or array.size > MAX_ROWS for array in arrays.values()):
            raise BadScan(f"columns must be one-dimensional arrays of at most {MAX_ROWS} values")
        values = {part: array.asstr()[:] if array.dtype.kind == "O" else array[:] for part, array in arrays.items()}
    for cells in zip(*values.values(), strict=True):
        yield {part: _cell_text(cell) for part, cell in zip(values, cells, strict=True)}


def _cell_text(cell: object) -> str:
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)


_READERS: Mapping[str, Callable[[Path, Mapping[str, Column]], Iterator[TableRow]]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".xlsx": _excel,
    ".hdf5": _hdf5,
    ".h5": _hdf5,
}
