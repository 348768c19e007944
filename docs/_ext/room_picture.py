"""The picture of the rooms: which room of the package imports which, read from the code and drawn as SVG.

    python docs/_ext/room_picture.py

writes `docs/images/rooms.svg`. A test compares the file with the code. Rooms that all others use are one box at the
bottom. An arrow that follows from others is left out.
"""

import ast
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

__all__ = ["imports", "picture"]

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "rooms.svg"

GROUND = (
    "constants", "errors", "arguments", "resources", "numeric", "store", "programs", "compilation", "flavours",
    "quadrature", "parameters", "display",
)  # fmt: skip
"""Rooms of one file that hold numbers, messages, files and numerics."""

WIDTH, BOX, HEIGHT, STEP, APART = 860, 110, 30, 64, 290
COLOURS = {
    "physics": ("#dbe9f6", ("matter", "interactions", "sources", "response", "rates", "experiments")),
    "inference": ("#e3f1dc", ("likelihood", "inference", "sampling", "toys")),
    "output": ("#fbe8d3", ("exporting", "provenance", "results", "checkpoint", "figures", "reproduce", "cli")),
    "work": ("#ececec", ("spreading",)),
}


def imports(package: Path) -> dict[str, set[str]]:
    """Return which other rooms each room imports from, those of the ground left out."""
    found: dict[str, set[str]] = {}
    for path in package.rglob("*.py"):
        room = path.relative_to(package).parts[0].removesuffix(".py")
        if room.startswith("__") or room in GROUND:
            continue
        names = []
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names += [f"{node.module}.{alias.name}" for alias in node.names]
        rooms = {name.split(".")[1] for name in names if name.startswith("cevnsjax.")}
        found.setdefault(room, set()).update(rooms - {room, *GROUND})
    return found


def _reduced(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return the arrows that do not follow from others."""

    def reach(room: str) -> set[str]:
        return {room}.union(*(reach(other) for other in graph[room]))

    return {
        room: {one for one in below if not any(one in reach(other) for other in below - {one})}
        for room, below in graph.items()
    }


def _rows(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return rows of rooms from the top: each stands one row below the lowest that imports it."""

    def depth(room: str) -> int:
        return 1 + max((depth(other) for other, below in graph.items() if room in below), default=-1)

    rows: list[list[str]] = []
    for room in sorted(graph):
        rows += [[] for _ in range(depth(room) + 1 - len(rows))]
        rows[depth(room)].append(room)
    return rows


Place = tuple[float, float]


def _places(rows: list[list[str]], arrows: Mapping[str, set[str]]) -> dict[str, Place]:
    """Return the middles of the boxes, each row in the order in which the fewest arrows pass behind other boxes."""

    def placed(order: Iterable[Sequence[str]]) -> dict[str, Place]:
        return {
            room: (WIDTH / 2 + APART * (column - (len(row) - 1) / 2), STEP * (number + 0.5))
            for number, row in enumerate(order)
            for column, room in enumerate(row)
        }

    def behind(place: Mapping[str, Place]) -> int:
        hits = 0
        for room, below in arrows.items():
            for other in below:
                line = [_bezier(place[room], place[other], step / 24) for step in range(25)]
                for third in place.keys() - {room, other}:
                    x, y = place[third]
                    hits += any(abs(u - x) < BOX / 2 + 8 and abs(v - y) < HEIGHT / 2 for u, v in line)
        return hits

    return min(map(placed, itertools.product(*map(itertools.permutations, rows))), key=behind)


def _bezier(start: Place, end: Place, t: float) -> Place:
    """Return a point of an arrow, which leaves and arrives vertically."""
    (x, y), (u, v) = start, end
    a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
    return (a + b) * x + (c + d) * u, a * (y + HEIGHT / 2) + b * (y + HEIGHT) + c * (v - HEIGHT) + d * (v - HEIGHT / 2)


def picture(package: Path) -> str:
    """Return the picture as SVG."""
    graph = imports(package)
    rows = _rows(graph)
    height = STEP * len(rows) + HEIGHT + 30
    arrows = _reduced(graph)
    place = _places(rows, arrows)
    fills = {room: fill for fill, rooms in COLOURS.values() for room in rooms}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        ' font-family="sans-serif" font-size="13" text-anchor="middle">',
        "<title>Rooms of the package: each imports from rooms below it</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#666"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for room, below in sorted(arrows.items()):
        for other in sorted(below):
            (x, y), (u, v) = place[room], place[other]
            lines.append(
                f'<path d="M{x:.0f} {y + HEIGHT / 2:.0f}C{x:.0f} {y + HEIGHT:.0f} {u:.0f} {v - HEIGHT:.0f}'
                f' {u:.0f} {v - HEIGHT / 2:.0f}" fill="none" stroke="#666" marker-end="url(#tip)"/>'
            )
    for room, (x, y) in sorted(place.items()):
        lines.append(_box(x, y, BOX, room, fills.get(room, "#fff")))
    lines.append(_box(WIDTH / 2, height - HEIGHT / 2 - 5, WIDTH - 20, ", ".join(GROUND), "#fff", 12))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _box(x: float, y: float, width: float, text: str, fill: str, size: int = 13) -> str:
    return (
        f'<rect x="{x - width / 2:.0f}" y="{y - HEIGHT / 2:.0f}" width="{width:.0f}" height="{HEIGHT}" rx="4"'
        f' fill="{fill}" stroke="#444"/><text x="{x:.0f}" y="{y + 4:.0f}" font-size="{size}" fill="#222">{text}</text>'
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(ROOT / "cevnsjax"), encoding="utf-8")
