"""Draw the folders of both packages and who imports whom: `python -m docs.draw_architecture`.

The drawing is made from the imports in the code. tests/test_architecture.py fails if it is not current.
"""

import ast
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from textwrap import wrap

OUT = Path("docs/explanation/architecture.svg")
PACKAGES = {"universeg": "#e6f2ec", "pipeline": "#e8eef8"}  # and the colour of their rooms
FACES = {"universeg", "pipeline.__main__", "universeg.__main__"}  # they load everything by name, and are not drawn
WIDE, HIGH, GAP_X, GAP_Y, MARGIN = 178, 58, 16, 46, 20
INK, LINE = "#20242a", "#8a94a3"

Graph = Mapping[str, set[str]]  # room -> rooms that it imports


def module_name(path: Path) -> str:
    """The dotted name of a file: universeg/store/reader.py is universeg.store.reader."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """The room of a module: its folder below the package, or itself if it is a file directly in the package."""
    return ".".join(module.split(".")[:2])


def imported_modules(path: Path, known: set[str]) -> set[str]:
    """The modules of both packages that a file imports, anywhere in it, but not only for type checkers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    only_types = {
        id(node)
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and ast.unparse(test.test) == "TYPE_CHECKING"
        for node in ast.walk(test)
    }
    found = set[str]()
    for node in ast.walk(tree):
        if id(node) in only_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in names}
    return found & known


def module_graph(root: Path = Path()) -> dict[str, set[str]]:
    """Which module of both packages imports which."""
    files = {
        module_name(p.relative_to(root)): p for package in PACKAGES for p in sorted((root / package).rglob("*.py"))
    }
    return {name: imported_modules(path, set(files)) - {name} for name, path in files.items()}


def room_graph(modules: Graph) -> dict[str, set[str]]:
    """Which room imports which."""
    rooms = dict[str, set[str]]()
    for module, uses in modules.items():
        rooms.setdefault(room_of(module), set()).update(room_of(use) for use in uses)
    return {
        room: {use for use in uses if use != room and use not in FACES}
        for room, uses in sorted(rooms.items())
        if room not in FACES and room not in PACKAGES
    }


def cycle(graph: Graph) -> list[str]:
    """Some names that import each other in a circle; empty if there is none."""
    state = dict[str, int]()

    def visit(name: str, path: list[str]) -> list[str]:
        state[name] = 1
        for use in sorted(graph.get(name, ())):
            if state.get(use) == 1:
                return [*path[path.index(use) :], use] if use in path else [name, use]
            if use not in state and (found := visit(use, [*path, use])):
                return found
        state[name] = 2
        return []

    for name in graph:
        if name not in state and (found := visit(name, [name])):
            return found
    return []


def floors(graph: Graph) -> list[list[str]]:
    """Rooms by floor: each room stands above all that it imports. The ground floor comes first."""
    level = dict[str, int]()

    def of(room: str) -> int:
        if room not in level:
            level[room] = 1 + max((of(use) for use in graph[room]), default=-1)
        return level[room]

    found: list[list[str]] = [[] for _ in range(1 + max(map(of, graph)))]
    for room in graph:
        found[level[room]].append(room)
    return found


def without_implied(graph: Graph) -> dict[str, set[str]]:
    """The graph without the arrows that follow from others: a -> c if a -> b -> c."""

    def below(room: str) -> set[str]:
        return {lower for use in graph[room] for lower in (use, *below(use))}

    return {room: {use for use in uses if not any(use in below(o) for o in uses)} for room, uses in graph.items()}


def drawing(graph: Graph, says: Mapping[str, str]) -> str:
    """The drawing as SVG: rooms on floors, the pipeline to the left, and a line from each room to those it imports."""
    rows = _ordered(floors(graph), graph)
    halves = {
        package: [[room for room in row if room.startswith(f"{package}.")] for row in rows] for package in PACKAGES
    }
    columns = {package: max(map(len, half)) for package, half in halves.items()}
    step, height = WIDE + GAP_X, len(rows) * (HIGH + GAP_Y) - GAP_Y + 2 * MARGIN
    width = sum(columns.values()) * step + GAP_X + 2 * MARGIN
    place = dict[str, tuple[float, float]]()
    for package, left in (("pipeline", MARGIN), ("universeg", MARGIN + columns["pipeline"] * step + GAP_X)):
        for floor, row in enumerate(halves[package]):
            start = left + (columns[package] - len(row)) * step / 2
            y = height - MARGIN - HIGH - floor * (HIGH + GAP_Y)
            place |= {room: (start + number * step, y) for number, room in enumerate(row)}
    arrows = [_arrow(place[room], place[use]) for room, uses in without_implied(graph).items() for use in sorted(uses)]
    boxes = [_box(room, *place[room], says.get(room, "")) for row in rows for room in row]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif">'
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>'
    )
    return "\n".join([head, *arrows, *boxes, "</svg>", ""])


def _ordered(rows: list[list[str]], graph: Graph) -> list[list[str]]:
    """Each floor sorted by the mean place of what its rooms import, so that fewer arrows cross."""
    at = dict[str, float]()
    for row in rows:
        key = {room: sum(at[use] for use in graph[room]) / max(1, len(graph[room])) for room in row}
        row.sort(key=lambda room: (key[room], room))
        at |= {room: (n + 0.5) / len(row) for n, room in enumerate(row)}
    return rows


def _box(room: str, x: float, y: float, text: str) -> str:
    package, _, name = room.partition(".")
    lines = wrap(text, 33, max_lines=2, placeholder=" …")
    words = "".join(
        f'<text x="{x + WIDE / 2:.0f}" y="{y + 34 + 12 * number:.0f}" font-size="9.5" fill="#5a6472"'
        f' text-anchor="middle">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{WIDE}" height="{HIGH}" rx="6" fill="{PACKAGES[package]}"'
        f' stroke="{LINE}"/><text x="{x + WIDE / 2:.0f}" y="{y + 19:.0f}" font-size="13" fill="{INK}"'
        f' text-anchor="middle">{package}/{name}</text>{words}'
    )


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x, y), (to_x, to_y) = (start[0] + WIDE / 2, start[1] + HIGH), (end[0] + WIDE / 2, end[1])
    bend = (to_y - y) / 2
    return (
        f'<path d="M{x:.0f} {y:.0f} C{x:.0f} {y + bend:.0f} {to_x:.0f} {to_y - bend:.0f} {to_x:.0f} {to_y:.0f}"'
        f' fill="none" stroke="{LINE}"/><circle cx="{to_x:.0f}" cy="{to_y:.0f}" r="3" fill="{LINE}"/>'
    )


def captions(rooms: Iterable[str], root: Path = Path()) -> dict[str, str]:
    """The first sentence of each room's docstring, or what stands before its first colon."""
    found = dict[str, str]()
    for room in rooms:
        path = root / room.replace(".", "/")
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        text = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").splitlines()
        found[room] = text[0].split(":")[0].split(". ")[0].rstrip(".") if text else ""
    return found


def current() -> str:
    """The drawing of the code as it is now."""
    rooms = room_graph(module_graph())
    return drawing(rooms, captions(rooms))


if __name__ == "__main__":
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(current(), encoding="utf-8")
