"""The weak mixing angle against the momentum transfer at which it was determined."""

import itertools
from collections.abc import Sequence

import matplotlib
from matplotlib.figure import Figure

from cevnsjax.figures.style import BLUE, COLUMN_WIDTH, GREEN, ORANGE, SKY, STYLE, VERMILION

__all__ = ["weak_mixing_angle_figure"]


def weak_mixing_angle_figure(
    others: Sequence[dict[str, str]],
    at_zero: float,
    at_z_pole: float,
    ours: tuple[float, float, float, float, str],
    published: tuple[float, float, float, str],
) -> Figure:
    """Return sin^2(theta_W) against the momentum transfer [MeV].

    `others` are rows of `data/published/weak_mixing_angle.csv`; `at_zero` and `at_z_pole` the predicted values at
    q = 0 and at M_Z, without a curve between them; `ours` is (scale, value, low, high, label). `published` is (value,
    low, high, label) of the same data, drawn beside ours.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 3.5))
        axes = figure.subplots()
        axes.axhline(at_zero, color=BLUE, lw=0.9, label=rf"theory at $q = 0$: {at_zero}")
        axes.axhline(at_z_pole, color=BLUE, lw=0.9, ls="--", label=rf"theory at $M_Z$: {at_z_pole}")
        looks = itertools.cycle(zip("sDv^<>P", (ORANGE, GREEN, "black", SKY, "grey", "0.3", BLUE), strict=True))
        for row, (marker, colour) in zip(others, looks, strict=False):
            errors = [[float(row["error_down"])], [float(row["error_up"])]]
            axes.errorbar(
                float(row["scale_MeV"]),
                float(row["value"]),
                errors,
                fmt=marker,
                ms=3.5,
                lw=0.9,
                mfc="none",
                color=colour,
                capsize=1.5,
                label=row["experiment"].replace("133Cs", r"$^{133}$Cs").replace("nu-e", r"$\bar\nu_e\,e$"),
            )
        scale, value, low, high, label = ours
        spread = [[value - low], [high - value]]
        axes.errorbar(scale, value, spread, fmt="o", ms=4, lw=1.4, color=VERMILION, capsize=2, label=label)
        value, low, high, label = published
        # Beside ours: the same data at the same momentum transfer would hide behind it.
        spread = [[value - low], [high - value]]
        axes.errorbar(
            1.25 * scale, value, spread, fmt="o", ms=4, lw=0.9, mfc="white", color=VERMILION, capsize=2, label=label
        )
        axes.set_xscale("log")
        axes.set_xlim(1.0, 3e5)
        axes.set_ylim(0.18, 0.32)
        axes.set_xlabel(r"momentum transfer [MeV]")
        axes.set_ylabel(r"$\sin^2\theta_W$")
        figure.legend(
            loc="outside lower center", ncols=2, columnspacing=1.0, title=r"errors: 1$\sigma$", title_fontsize=6.5
        )
    return figure
