"""How a description is checked, and how an error names the key that is wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cevnsjax.errors import InputError, shown, unknown_name
from cevnsjax.experiments.schema import FORMAT, Description

__all__ = ["parse", "parse_table", "printable"]

Table = TypeVar("Table", bound=BaseModel)

OLD = {
    "background": "[[sample]]",
    "systematics": "[[nuisance]]",
    "quenching": "[response.nuclear] yield",
    "resolution": "[response.nuclear] smearing",
    "efficiency_file": "[response.nuclear] efficiency",
    "threshold_eV": "threshold",
    "per_energy_eV": "per_energy",
    "low_eV": "edges",
    "high_eV": "edges",
    "decay_eV": "decay",
    "centre_eV": "centre",
    "width_eV": "width",
    "start_eV": "start",
}
"""Keys of files of the first format, and what to write in their place."""

WORDS = {
    "float_type": "give a number",
    "int_type": "give a whole number",
    "int_from_float": "give a whole number",
    "bool_type": "give true or false",
    "string_type": "give a text",
    "list_type": "give a list",
    "dict_type": "give a table",
    "model_type": "give a table",
    "model_attributes_type": "give a table",
    "literal_error": "give {expected}",
    "union_tag_invalid": "its kind is '{tag}', but must be one of {expected_tags}",
    "too_short": "give at least {min_length} entries",
    "too_long": "give at most {max_length} entries",
    "greater_than_equal": "give at least {ge}",
    "less_than_equal": "give at most {le}",
}
"""What is right, by the checker's type of error."""


def parse(content: dict[str, Any], path: Path) -> Description:
    """Return the checked description; raises `InputError` naming the first key that is wrong, and why."""
    given = content.get("format", 1)
    if not isinstance(given, int) or given is True or given != FORMAT:
        old = dict.fromkeys(f"{OLD[key]} for {key}" for key in _keys(content) if key in OLD)
        hint = f"; in it write {', '.join(['[[axes]] for the energy', *old])}" if old else ""
        raise InputError(
            f"'{path}' has format = {shown(given)}: write format = {FORMAT}, as docs/experiments.md and "
            f"'cevnsjax experiments --copy conus_plus FOLDER' show it{hint}"
        )
    return parse_table(Description, content, path)


def parse_table(table: type[Table], content: dict[str, Any], path: Path, room: str = "") -> Table:
    """Return one table of a description, checked; raises `InputError` as `parse` does.

    `room` is the key under which the table stands in the description, "" for the whole of it.
    """
    try:
        return table.model_validate(content)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    # A key that is not known is often the one that seems to be missing, misspelt.
    first = min(errors, key=lambda e: e["type"] != "extra_forbidden")
    key = _key(content, first["loc"])
    here = ".".join(filter(None, (room, key)))
    if first["type"] == "extra_forbidden":
        before = here.rpartition(".")[0]
        known = [f"{before}.{name}" if before else name for name in _known_keys(table, first["loc"])]
        new = OLD.get(here.rpartition(".")[2])
        hint = "" if new is None else f"; format = {FORMAT} has {new} in its place"
        raise InputError(f"'{path}': {unknown_name('key', printable(here), known)}{hint}")
    if first["type"] == "missing":
        raise InputError(f"'{path}': the key '{here}' is missing")
    if first["type"] == "union_tag_not_found":
        raise InputError(f"'{path}': the key '{here}.kind' is missing")
    messages = dict.fromkeys(_message(e) for e in errors if _key(content, e["loc"]) == key)
    nameless = isinstance(first["input"], dict | list) or first["loc"][-1] == "[key]"
    given = "" if nameless else f" = {shown(first['input'])}"
    where = f"{here}{given} is wrong: " if here else ""
    raise InputError(f"'{path}': {printable(where)}{', or '.join(messages)}")


def _message(error: ErrorDetails) -> str:
    """Return what would be right."""
    if error["type"] in WORDS:
        return WORDS[error["type"]].format(**error.get("ctx", {}))
    text = error["msg"].removeprefix("Value error, ")
    return printable(text[0].lower() + text[1:])


def printable(text: str) -> str:
    """Return a text on one line: what is no character to print is written as its code."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _keys(content: Any) -> Iterator[str]:
    """Give all keys of nested tables."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield key
            yield from _keys(value)
    elif isinstance(content, list):
        for value in content:
            yield from _keys(value)


def _key(content: Any, location: tuple[int | str, ...]) -> str:
    """Return a location as a user would write it: the checker's names of kinds are no keys of the file."""
    steps: list[str] = []
    here = content
    for number, step in enumerate(location, start=1):
        if isinstance(here, list) and isinstance(step, int) and step < len(here):
            names = [item.get("name") if isinstance(item, dict) else None for item in here]
            here, name = here[step], names[step]
            unique = isinstance(name, str) and name.isidentifier() and names.count(name) == 1
            steps.append(str(name) if unique else str(step + 1))
        elif isinstance(here, dict) and step in here:
            here = here[step]
            steps.append(str(step))
        elif number == len(location) and step != "[key]" and isinstance(here, dict):
            steps.append(str(step))
    return ".".join(steps)


def _known_keys(table: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the table at a location may have, nothing where several tables are possible."""
    here: list[Any] = [table]
    for step in location[:-1]:
        tables = [t for t in here if hasattr(t, "model_fields")]
        named = [f.annotation for t in tables for n, f in t.model_fields.items() if step in (f.alias or n, n)]
        of_kind = [t for t in tables if step in _kinds(t)]
        here = [t for a in named for t in _flat(a)] or of_kind or [t for t in tables if t.__name__ == step] or here
    tables = [t for t in here if hasattr(t, "model_fields")]
    return [f.alias or n for n, f in tables[0].model_fields.items()] if len(tables) == 1 else []


def _kinds(table: type[BaseModel]) -> tuple[Any, ...]:
    return get_args(table.model_fields["kind"].annotation) if "kind" in table.model_fields else ()


def _flat(annotation: Any) -> list[Any]:
    arguments = get_args(annotation)
    return [annotation] if not arguments else [t for argument in arguments for t in _flat(argument)]
