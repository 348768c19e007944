"""The manual of experiment files names each key of the schema, with its default and its range."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cevnsjax.experiments import load_experiment
from cevnsjax.experiments.ranges import Range
from cevnsjax.experiments.schema import Description

MANUAL = Path(__file__).parents[1] / "docs" / "experiments.md"
SAME_AS = ("response.electron.", "response.nuclear.yields.", "response.efficiencies.")
"""What has the keys of `response.nuclear`, and of its `yield` and `efficiency`."""


def tables(annotation: Any) -> list[type[BaseModel]]:
    """Return all tables that an annotation allows."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [table for argument in get_args(annotation) for table in tables(argument)]


def ranges(field: FieldInfo) -> list[Range]:
    """Return the ranges of a number, wherever they stand in its annotation."""

    def inside(annotation: Any) -> Iterator[Range]:
        yield from (m for m in getattr(annotation, "__metadata__", ()) if isinstance(m, Range))
        for argument in get_args(annotation):
            yield from inside(argument)

    return [m for m in field.metadata if isinstance(m, Range)] or list(inside(field.annotation))


def keys(table: type[BaseModel], path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Give the path of each key of a table and of those within."""
    for name, field in table.model_fields.items():
        here = f"{path}{field.alias or name}"
        yield here, field
        for inner in tables(field.annotation):
            yield from keys(inner, f"{here}.")


def rows() -> dict[str, list[str]]:
    """Return the manual's tables: the other cells of each row that begins with a key."""
    found: dict[str, list[str]] = {}
    for line in MANUAL.read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if len(cells) == 4 and (match := re.fullmatch(r"`([\w.]+)`", cells[0])):
            assert match[1] not in found, f"{match[1]} stands twice in the manual"
            found[match[1]] = cells[1:]
    return found


SCHEMA = {key: field for key, field in keys(Description) if not key.startswith(SAME_AS)}


def default(field: FieldInfo) -> str:
    """Return a default as the manual writes it."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value == {} or value == [] or value == "":
        return "none"
    return (
        {True: "`true`", False: "`false`"}[value]
        if isinstance(value, bool)
        else f'`"{value}"`'
        if isinstance(value, str)
        else f"`{value:g}`"
    )


def test_the_example_of_the_manual_loads(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", MANUAL.read_text(), flags=re.DOTALL)
    (tmp_path / "experiment.toml").write_text(example)
    (tmp_path / "spectrum.csv").write_text("energy_low,energy_high,observed,sigma\n150,200,10,4\n200,250,5,3\n")
    experiment = load_experiment(tmp_path / "experiment.toml")
    assert (experiment.unit, experiment.cells.size) == ("counts", 2)


def test_the_manual_has_the_keys_of_the_schema_and_no_others() -> None:
    assert set(rows()) == set(SCHEMA)


@pytest.mark.parametrize("key", SCHEMA)
def test_the_manual_has_defaults_and_ranges(key: str) -> None:
    given, range_, what = rows()[key]
    assert given.split(";")[0] == default(SCHEMA[key])
    for one in ranges(SCHEMA[key]):
        assert f"{one.low:g} to {one.high:g}" in range_
    assert what
