"""A submission to HEPData: the curves and tables of an output folder as YAML, by its schema 1.1.1.

Each NetCDF file becomes one table for each set of axes that its variables have, and each list of rows in a study's JSON
becomes one, too. The schema: https://hepdata-submission.readthedocs.io.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cevnsjax.errors import InputError
from cevnsjax.provenance import provenance_of
from cevnsjax.resources import check_regular, read_text
from cevnsjax.results.files import check_folder, temporary_folder, write_json

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["check_hepdata", "write_hepdata"]

LONGEST = 64
"""Characters of a table's name."""

NONE = "-"
"""What HEPData shows where a table has no value."""

QUALIFIERS = ("experiments", "model", "channel", "systematics", "cl", "chi2_min")
"""Attributes of a curve that qualify its values."""

PROVENANCE = "provenance.json"


class Column(NamedTuple):
    """The header of a variable, and its values."""

    name: str
    units: str
    values: Sequence[object]


class Table(NamedTuple):
    """A table: variables that are chosen, variables that are found, and what qualifies these."""

    name: str
    description: str
    independent: list[Column]
    dependent: list[Column]
    qualifiers: dict[str, object]
    provenance: object


def check_hepdata(folder: Path, out: Path) -> None:
    """Raise `InputError` where a folder has no results, or the other one cannot be made or is not empty."""
    if not folder.is_dir():
        raise InputError(f"there is no folder '{folder}'; give the output folder of `cevnsjax reproduce`")
    if not any(folder.glob("*.nc")) and not any(folder.glob("*.json")):
        raise InputError(f"'{folder}' has no .nc and no .json files; give the output folder of `cevnsjax reproduce`")
    check_folder(out)
    if out.is_dir() and any(out.iterdir()):
        raise InputError(f"'{out}' is not empty; give the name of a new folder")


def write_hepdata(folder: Path | str, out: Path | str, command_line: Sequence[str] | None = None) -> list[str]:
    """Write a submission of all curves and tables in a `folder`, and return the names of its tables.

    `folder` is the output folder of `cevnsjax reproduce`, or any folder with results as NetCDF. `out` is made; it holds
    `submission.yaml`, one YAML file for each table, and the provenance of all. `command_line` are the words of a
    command. Raises `InputError` where the folder has no results, a file is none of this package, or `out` cannot be
    made or is not empty.

    >>> from pathlib import Path
    >>> from cevnsjax.results import profile_dataset, write_hepdata, write_netcdf
    >>> likelihood = cevnsjax.Likelihood("conus_plus")
    >>> curve = cevnsjax.profile(likelihood, "sin2_theta_w", points=11)
    >>> Path("results").mkdir()
    >>> write_netcdf(Path("results/angle.nc"), profile_dataset(curve, likelihood))
    >>> write_hepdata("results", "submission")
    ['angle']
    """
    folder, out = Path(folder), Path(out)
    check_hepdata(folder, out)
    tables = [*_curves(folder), *_studies(folder)]
    if not tables:
        raise InputError(f"'{folder}' has no curves and no tables; give the output folder of `cevnsjax reproduce`")
    _check_names([table.name for table in tables])
    there = out.is_dir()
    with temporary_folder(out if there else out.absolute().parent) as temporary:
        made = temporary / "submission"
        made.mkdir()
        origin = provenance_of(None, "export", command_line, to="hepdata")
        write_json(made / PROVENANCE, {"submission": origin, "tables": {t.name: t.provenance for t in tables}})
        documents = [_submission(folder)]
        for table in tables:
            file = f"{_stem(table.name)}.yaml"
            (made / file).write_text(_yaml(_data(table)) + "\n", encoding="utf-8")
            phrases = {"name": "phrases", "values": ["coherent elastic neutrino-nucleus scattering"]}
            about = {"name": table.name, "description": table.description, "keywords": [phrases], "data_file": file}
            documents.append(about)
        text = "".join(f"---\n{_yaml(document)}\n" for document in documents)
        (made / "submission.yaml").write_text(text, encoding="utf-8")
        try:
            if there:  # its parent may be one that cannot be written
                for entry in made.iterdir():
                    entry.replace(out / entry.name)
            else:
                made.replace(out)
        except OSError as error:
            raise InputError(f"cannot make the folder '{out}': {error.strerror}") from error
    return [table.name for table in tables]


def _check_names(names: Sequence[str]) -> None:
    """Raise `InputError` for names that HEPData does not take, or that give two tables the same file."""
    stems = [_stem(name) for name in names]
    for name, stem in zip(names, stems, strict=True):
        if len(name) > LONGEST:
            raise InputError(f"'{name}' has {len(name)} characters, and HEPData takes {LONGEST}: rename its file")
        if stems.count(stem) > 1:
            raise InputError(f"two tables would have the name '{stem}': rename one of their files")


def _stem(name: str) -> str:
    return re.sub(r"\W+", "_", name)


def _submission(folder: Path) -> dict[str, Any]:
    """Return the first document of a submission."""
    studies = [path.stem for path in sorted(folder.glob("*.md")) if path.stem != "report"]
    return {
        "comment": f"Curves and tables calculated with cevnsjax{': ' if studies else ''}{', '.join(studies)}.",
        "additional_resources": [{"location": PROVENANCE, "description": "What each table was calculated from"}],
    }


def _curves(folder: Path) -> Iterator[Table]:
    """Yield the tables of all NetCDF files."""
    import xarray as xr

    for path in sorted(folder.glob("*.nc")):
        check_regular(path, "curve")
        try:
            with xr.open_dataset(path, engine="h5netcdf") as dataset:
                content = dataset.load()
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"'{path}' is no NetCDF file: {error}") from error
        yield from _tables(path.stem, content)


def _tables(stem: str, content: "xr.Dataset") -> Iterator[Table]:
    """Yield one table for each set of axes; values of several axes stand one after the other, the last axis fastest."""
    groups: dict[tuple, list[str]] = {}
    for name, variable in content.data_vars.items():
        groups.setdefault(variable.dims, []).append(str(name))
    qualifiers = {name: _plain(content.attrs[name]) for name in QUALIFIERS if content.attrs.get(name, "") != ""}
    about = ". ".join(filter(None, (content.attrs.get("references"), content.attrs.get("notes"))))
    for i, (dims, names) in enumerate(groups.items()):
        size = {dim: content.sizes[dim] for dim in dims}
        independent = []
        for number, dim in enumerate(dims):
            if dim in content.coords:
                shape = [size[d] if d == dim else 1 for d in dims]
                values = np.broadcast_to(content[dim].values.reshape(shape), [*size.values()])
                independent.append(_column(str(dim), content, values))
            elif number == 0 and len(names) > 1:
                # Points along a curve have no axis: the first of their variables takes its place.
                independent.append(_column(names[0], content, content[names[0]].values))
                names = names[1:]
        dependent = [_column(name, content, content[name].values) for name in names]
        yield Table(
            name=stem if i == 0 else f"{stem}, {names[0]}",
            description=". ".join(filter(None, (_described(dependent, independent), about))),
            independent=independent,
            dependent=dependent,
            qualifiers=qualifiers,
            provenance=json.loads(content.attrs.get("provenance", "null")),
        )


def _described(dependent: Sequence[Column], independent: Sequence[Column]) -> str:
    """Return what a table shows."""
    shown, along = ("; ".join(column.name for column in columns) for columns in (dependent, independent))
    return f"{shown}, against {along}" if along else shown


def _column(name: str, content: "xr.Dataset", values: np.ndarray) -> Column:
    """Return a variable; one that holds values of a parameter, as contours do, has the parameter's unit."""
    about = content[name].attrs
    of = content[about["long_name"]].attrs if about.get("long_name") in content.variables else about
    long_name = of.get("long_name", "")
    return Column(f"{name}: {long_name}" if long_name else name, of.get("units", ""), np.ravel(values).tolist())


def _studies(folder: Path) -> Iterator[Table]:
    """Yield the lists of rows in the JSON of each study: a report that joins them has no more."""
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(read_text(path, "study"))
        except InputError:
            raise
        except (ValueError, RecursionError) as error:
            raise InputError(f"'{path}' is no JSON: {error}") from error
        if path.stem == "report" or not isinstance(content, Mapping):
            continue
        for key, rows in content.items():
            if isinstance(rows, list) and rows and all(isinstance(row, Mapping) for row in rows):
                yield _of_rows(f"study {path.stem}, {key}", f"{key} of {path.stem}", rows, content.get("provenance"))


def _of_rows(name: str, description: str, rows: Sequence[Mapping[str, Any]], provenance: object) -> Table:
    """Return rows as a table: texts say what the numbers are of, and what is neither is shown as text."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    columns = {key: [_plain(row.get(key)) for row in rows] for key in keys}
    chosen = [key for key in keys if all(isinstance(row.get(key, ""), str) for row in rows)]
    if not chosen or len(chosen) == len(keys):
        chosen = keys[:1]
    return Table(
        name=name,
        description=description,
        independent=[Column(key, "", columns[key]) for key in chosen],
        dependent=[Column(key, "", columns[key]) for key in keys if key not in chosen],
        qualifiers={},
        provenance=provenance,
    )


def _plain(value: object) -> object:
    """Return a number or a text: of a list or a dict its numbers to six digits."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {_plain(item)}" for key, item in value.items()) or NONE
    if isinstance(value, list | tuple | np.ndarray):
        return "[" + ", ".join(f"{_plain(item):.6g}" if _is_number(item) else str(_plain(item)) for item in value) + "]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "" or (isinstance(value, float) and not np.isfinite(value)):
        return NONE
    return value if isinstance(value, int | float) else str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _data(table: Table) -> dict[str, Any]:
    """Return a table as HEPData's schema has it."""
    qualifiers = [{"name": name, "value": value} for name, value in table.qualifiers.items()]
    return {
        "independent_variables": [_variable(column) for column in table.independent],
        "dependent_variables": [
            _variable(column) | ({"qualifiers": qualifiers} if qualifiers else {}) for column in table.dependent
        ],
    }


def _variable(column: Column) -> dict[str, Any]:
    header = {"name": column.name} | ({"units": column.units} if column.units else {})
    return {"header": header, "values": [{"value": _plain(value)} for value in column.values]}


def _yaml(content: object, indent: str = "") -> str:
    """Return YAML of dicts, lists, texts and numbers: a block for what has parts, and JSON's form of the rest."""
    if isinstance(content, Mapping):
        parts = [(f"{json.dumps(key)}:", value) for key, value in content.items()]
    elif isinstance(content, list):
        parts = [("-", value) for value in content]
    else:
        # A float without a dot, such as 1e-08, is a text for YAML 1.1.
        text = json.dumps(content, allow_nan=False)
        return re.sub(r"^(-?\d+)e", r"\1.0e", text) if isinstance(content, float) else text
    if not parts:
        return json.dumps(content)
    lines = []
    for head, value in parts:
        block = _yaml(value, indent + "  ")
        if not (isinstance(value, Mapping | list) and value):
            lines.append(f"{indent}{head} {block}")
        elif head == "-":
            lines.append(f"{indent}- {block.lstrip()}")
        else:
            lines.append(f"{indent}{head}\n{block}")
    return "\n".join(lines)
