"""Data sets as NetCDF, and figures, with their provenance inside."""

import io
import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cevnsjax.errors import InputError
from cevnsjax.results.files import check_target, replace_file

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["FIGURE_FORMATS", "check_figure", "write_figure", "write_netcdf"]

FIGURE_FORMATS = {".pdf": "Subject", ".png": "provenance", ".svg": "Description"}
"""The formats of figures by their suffix, and the entry of their metadata that takes the provenance as JSON."""

CHARACTERS = 26
"""Characters of a note in an inch: lines end before the figure's edge."""


def write_netcdf(path: Path, dataset: "xr.Dataset", groups: Mapping[str, "xr.Dataset"] | None = None) -> None:
    """Write a `dataset` as NetCDF 4 into the file of a `path`, and others as `groups` of the same file.

    Raises `InputError` as `replace_file` does.

    >>> from pathlib import Path
    >>> from cevnsjax.results import prediction_dataset, write_netcdf
    >>> write_netcdf(Path("prediction.nc"), prediction_dataset(cevnsjax.Likelihood("conus_plus"), {}))
    """
    # In memory first: on a full disk the HDF5 library ends the process.
    import h5netcdf  # type: ignore[import-untyped]
    from xarray.backends import H5NetCDFStore

    contents: list[tuple[str | None, xr.Dataset]] = [(None, dataset), *(groups or {}).items()]
    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w") as file:
        for group, content in contents:
            content.dump_to_store(H5NetCDFStore(file, group=group, mode="a"))
    replace_file(path, buffer.getvalue())


def check_figure(path: Path) -> Path:
    """Return the file into which a figure will be drawn, as `check_target` does for a `path`.

    Raises `InputError` as well where the name does not say a format that can be drawn.

    >>> from pathlib import Path
    >>> from cevnsjax.results import check_figure
    >>> check_figure(Path("spectrum.png")).name
    'spectrum.png'
    """
    if path.suffix not in FIGURE_FORMATS:
        raise InputError(f"cannot draw '{path}': give a name that ends in {', '.join(FIGURE_FORMATS)}")
    return check_target(path)


def write_figure(
    path: Path, figure: "Figure", notes: Sequence[str] = (), provenance: Mapping[str, Any] | None = None
) -> None:
    """Write a `figure` into the file of a `path`, in the format that its suffix says.

    `notes` on the data stand above it; `provenance` goes into the file's metadata as JSON. Raises `InputError` as
    `check_figure` does.

    >>> from pathlib import Path
    >>> from cevnsjax.figures import fit_figure
    >>> from cevnsjax.results import write_figure
    >>> write_figure(Path("fit.png"), fit_figure(cevnsjax.fit("conus_plus")))
    """
    check_figure(path)
    if notes:
        width = int(CHARACTERS * figure.get_figwidth())
        figure.suptitle("\n".join(textwrap.fill(note, width) for note in notes), fontsize=5, wrap=True)
    _plain_where_needed(figure)
    metadata = {} if provenance is None else {FIGURE_FORMATS[path.suffix]: json.dumps(provenance)}
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix.removeprefix("."), dpi=300, metadata=metadata)
    replace_file(path, buffer.getvalue())


def _plain_where_needed(figure: "Figure") -> None:
    """Show a text with dollar signs as it stands where it is no mathematics that matplotlib can set."""
    from matplotlib.mathtext import MathTextParser
    from matplotlib.text import Text

    parser = MathTextParser("path")
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if "$" not in text.get_text() or not text.get_parse_math():
            continue
        try:
            for line in text.get_text().splitlines():  # as matplotlib sets it
                parser.parse(line)
        except ValueError:
            text.set_text(re.sub(r"(?<!\\)\$", r"\\$", text.get_text()))  # `parse_math` does not hold for wrapped texts
