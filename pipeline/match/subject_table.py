"""Tables that say what file names do not: CSV, Excel, or the one-dimensional arrays of an HDF5 file."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from pipeline.attrition import BadScan
from pipeline.manifest.layout import Column
from pipeline.readers.hdf5 import array_of

TableRow = Mapping[str, str]  # part -> text
Cells = Sequence[Sequence[str]]
LARGEST = 64 << 20  # bytes of a CSV or Excel file
MOST_ROWS = 1 << 20
HEADER_ROWS = 10  # a spreadsheet may have titles above its columns' names


def rows(path: Path, columns: Mapping[str, Column], parts: Mapping[str, str]) -> list[TableRow]:
    """The table's rows; of a part with a regular expression what it finds in the cell. Raises BadScan."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise BadScan(f"is no table: expected {', '.join(_READERS)}", str(path), "correct the manifest's table")
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

    text = pd.read_csv(_small(path), header=None, dtype=str, keep_default_na=False, sep=None, engine="python")
    return _named(text.to_numpy().tolist(), columns)


def _excel(path: Path, columns: Mapping[str, Column]) -> Iterator[TableRow]:
    import pandas as pd

    text = pd.read_excel(_small(path), header=None, dtype=str, keep_default_na=False)
    return _named([[str(cell) for cell in row] for row in text.to_numpy().tolist()], columns)


def _small(path: Path) -> Path:
    if path.stat().st_size > LARGEST:
        raise BadScan(f"is larger than {LARGEST} bytes; this is no table of subjects")
    return path


def _named(cells: Cells, columns: Mapping[str, Column]) -> Iterator[TableRow]:
    """Rows below the one that names all the columns."""
    rest = iter(cells)
    for header in islice(rest, HEADER_ROWS):
        names = [str(cell).strip() for cell in header]
        places = {part: _place(names, column) for part, column in columns.items()}
        if None not in places.values():
            break
    else:
        raise BadScan(f"no row names the columns {sorted(map(str, columns.values()))}", remedy="correct the manifest")
    for row in rest:
        yield {part: str(row[int(place or 0)]) for part, place in places.items()}


def _place(names: Sequence[str], column: Column) -> int | None:
    name, further = (column, 0) if isinstance(column, str) else column
    return names.index(name) + further if name in names else None


def _hdf5(path: Path, columns: Mapping[str, Column]) -> Iterator[TableRow]:
    import h5py

    with h5py.File(path) as file:
        arrays = {part: array_of(file, str(column)) for part, column in columns.items()}
        if any(array.ndim != 1 or array.size > MOST_ROWS for array in arrays.values()):
            raise BadScan(f"columns must be arrays of one axis and at most {MOST_ROWS} values")
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
