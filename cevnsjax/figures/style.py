"""The look of all figures: one column of a journal wide, colours that the colour-blind can tell apart, axis labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cevnsjax.parameters import Parameter
from cevnsjax.results import write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "COLUMN_WIDTH",
    "DASHES",
    "EXCLUDED",
    "FILLS",
    "GREEN",
    "LOOKS",
    "MEASURED",
    "ORANGE",
    "PURPLE",
    "SKY",
    "SMALL",
    "STYLE",
    "VERMILION",
    "axis_label",
    "in_latex",
    "legend_above",
    "level_label",
    "power_of_ten",
    "save",
    "scaled_axis",
    "value_label",
]

COLUMN_WIDTH = 3.4
"""Width of a journal's column [inch]."""

# M. Okabe and K. Ito, "Color Universal Design" (2008).
BLUE, ORANGE, GREEN, SKY, VERMILION = "#0072B2", "#E69F00", "#009E73", "#56B4E9", "#D55E00"
PURPLE, YELLOW = "#CC79A7", "#F0E442"

FILLS = (YELLOW, SKY, GREEN, VERMILION, BLUE)
"""Colours of filled areas: in grey the first three differ in brightness."""

DASHES = ("-", "--", "-.", ":", (0, (6, 1.5, 1, 1.5, 1, 1.5)), (0, (8, 2)))
"""Styles of lines in their order: in print without colours they alone tell curves apart."""

LOOKS: tuple[tuple[str, Any], ...] = tuple(zip((BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE), DASHES, strict=True))
"""Colours and dashes of curves, one after the other."""

EXCLUDED: dict[str, Any] = {"facecolor": "0.9", "edgecolor": "0.6", "lw": 0.4, "zorder": 0}
"""Look of what is excluded, in all figures: grey."""

MEASURED: dict[str, Any] = {"facecolor": "#FBEBC8", "edgecolor": ORANGE, "lw": 0.5, "zorder": 0}
"""Look of the interval of a published measurement."""

SMALL = 6.5
"""Size of legends, and of titles and labels where there is little room; all other text has 8 points."""

STYLE: dict[Any, Any] = {
    "font.size": 8.0,
    "axes.labelsize": 8.0,
    "axes.titlesize": SMALL,
    "legend.fontsize": SMALL,
    "legend.title_fontsize": SMALL,
    "legend.frameon": False,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "lines.linewidth": 1.2,
    "mathtext.fontset": "dejavusans",
    "figure.constrained_layout.use": True,
}
"""The look of all figures, as settings of matplotlib."""

UNITS = {
    "mu_B": r"\mu_B",
    "cm^2": r"\mathrm{cm}^2",
    "eV^2": r"\mathrm{eV}^2",
    "MeV": r"\mathrm{MeV}",
    "fm": r"\mathrm{fm}",
    "1e6 cm^-2 s^-1": r"10^6\,\mathrm{cm}^{-2}\,\mathrm{s}^{-1}",
}
"""Units of parameters in LaTeX."""


def axis_label(parameter: Parameter, factor: str = "") -> str:
    """Return a parameter's symbol and unit; `factor` is a power of ten in which it is given."""
    unit = factor + UNITS.get(parameter.unit, parameter.unit)
    return f"${parameter.latex or parameter.name}$" + (f" $[{unit}]$" if unit else "")


def scaled_axis(parameter: Parameter, far: float) -> tuple[float, str]:
    """Return the power of ten in which values up to `far` are shown, one where they are handy, and the axis label."""
    decade = 0 if far == 0 or 1e-2 <= far < 1e4 else int(np.floor(np.log10(far)))
    return 10.0**decade, axis_label(parameter, f"10^{{{decade}}}\\," if decade else "")


def power_of_ten(value: float, digits: int = 2) -> str:
    r"""Return a `value` as LaTeX of a factor and a power of ten, without dollar signs.

    `digits` are those of the factor.

    >>> from cevnsjax.figures import power_of_ten
    >>> print(power_of_ten(4e-5))
    4 \times 10^{-5}
    """
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else rf"{mantissa} \times {power}"


def value_label(parameter: Parameter, value: float, digits: int = 2) -> str:
    r"""Return a parameter's symbol, its `value` to some `digits` and its unit, as legends say it.

    >>> from cevnsjax.figures import value_label
    >>> value_label(cevnsjax.Likelihood("conus_plus").parameters["norm"], 1.25)
    '$1+\\alpha = 1.25$'
    """
    number = f"{value:g}" if 1e-2 <= abs(value) < 1e4 else power_of_ten(value, digits)
    unit = UNITS.get(parameter.unit, parameter.unit)
    return f"${parameter.latex or parameter.name} = {number}" + (rf"\,{unit}$" if unit else "$")


def in_latex(text: str) -> str:
    r"""Return a `text`, the name of a unit, a channel or a source, with indices and Greek letters in LaTeX.

    >>> from cevnsjax.figures import in_latex
    >>> print(in_latex("8B CEvNS"))
    $^8$B CE$\nu$NS
    """
    text = text.replace("eV_ee", r"eV$_\mathrm{ee}$").replace("CEvNS", r"CE$\nu$NS").replace("8B", r"$^8$B")
    return text.replace("nu-e", r"$\bar\nu_e\,e$")


def level_label(cl: float, dof: int) -> str:
    """Return a confidence level `cl` and the degrees of freedom `dof` behind it, as legends have it.

    >>> from cevnsjax.figures import level_label
    >>> level_label(0.9, 2)
    '90 % CL, 2 d.o.f.'
    """
    return f"{100 * cl:g} % CL, {dof} d.o.f."


def legend_above(axes: "Axes", title: str = "") -> None:
    """Draw the legend above the axes, where no curve passes."""
    place: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "borderaxespad": 0.2}
    axes.legend(**place, ncols=2, columnspacing=1.0, title=title or None)


def save(
    figure: "Figure", path: Path, notes: Sequence[str] = (), provenance: Mapping[str, Any] | None = None
) -> tuple[Path, Path]:
    """Write a `figure` as PDF and as PNG, under `notes` on the data; return both. `path` has no suffix.

    `provenance` goes into the metadata of both. Raises `InputError` as `results.write_figure` does.

    >>> from pathlib import Path
    >>> from cevnsjax.figures import fit_figure, save
    >>> [file.name for file in save(fit_figure(cevnsjax.fit("conus_plus")), Path("fit"))]
    ['fit.pdf', 'fit.png']
    """
    files = path.with_name(f"{path.name}.pdf"), path.with_name(f"{path.name}.png")
    for file in files:
        write_figure(file, figure, notes, provenance)
    return files
