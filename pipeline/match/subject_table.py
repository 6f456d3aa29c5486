"""Tables with facts that file names do not give: CSV, Excel, or one-dimensional arrays of an HDF5 file."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from pipeline.attrition import BadScan
from pipeline.manifest.layout import Column
from pipeline.readers.hdf5 import array_of

TableRow = Mapping[str, str]  # part -> text of the cell
Cells = Sequence[Sequence[str]]
MAX_BYTES = 64 << 20  # bytes of a CSV or Excel file
MAX_ROWS = 1 << 20
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
        row[name] = match.group() if match else text.strip()
    return row


def _csv(path: Path, columns: Mapping[str, Column]) -> Iterator[TableRow]:
    import pandas as pd

    text = pd.read_csv(_checked_size(path), header=None, dtype=str, keep_default_na=False, sep=None, engine="python")
    return _rows_below_header(text.to_numpy().tolist(), columns)


def _excel(path: Path, columns: Mapping[str, Column]) -> Iterator[TableRow]:
    import pandas as pd

    text = pd.read_excel(_checked_size(path), header=None, dtype=str, keep_default_na=False)
    return _rows_below_header([[str(cell) for cell in row] for row in text.to_numpy().tolist()], columns)


def _checked_size(path: Path) -> Path:
    if path.stat().st_size > MAX_BYTES:
        raise BadScan(f"is larger than {MAX_BYTES} bytes, too large for a table of subjects")
    return path


def _rows_below_header(cells: Cells, columns: Mapping[str, Column]) -> Iterator[TableRow]:
    """The rows below the first one that names all the columns."""
    rest = iter(cells)
    for header in islice(rest, HEADER_ROWS):
        names = [str(cell).strip() for cell in header]
        positions = {part: _position(names, column) for part, column in columns.items()}
        if None not in positions.values():
            break
    else:
        raise BadScan(f"no row names the columns {sorted(map(str, columns.values()))}", remedy="correct the manifest")
    for row in rest:
        yield {part: str(row[int(position or 0)]) for part, position in positions.items()}


def _position(names: Sequence[str], column: Column) -> int | None:
    name, offset = (column, 0) if isinstance(column, str) else column
    return names.index(name) + offset if name in names else None


def _hdf5(path: Path, columns: Mapping[str, Column]) -> Iterator[TableRow]:
    import h5py

    with h5py.File(path) as file:
        arrays = {part: array_of(file, str(column)) for part, column in columns.items()}
        if any(array.ndim != 1 or array.size > MAX_ROWS for array in arrays.values()):
            raise BadScan(f"columns must be one-dimensional arrays of at most {MAX_ROWS} values")
        values = {part: array.asstr()[:] if array.dtype.kind == "O" else array[:] for part, array in arrays.items()}
    for cells in zip(*values.values(), strict=True):
        yield {part: _text(cell) for part, cell in zip(values, cells, strict=True)}


def _text(cell: object) -> str:
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)


_READERS: Mapping[str, Callable[[Path, Mapping[str, Column]], Iterator[TableRow]]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".xlsx": _excel,
    ".hdf5": _hdf5,
    ".h5": _hdf5,
}
