"""A counting experiment of a few bins with a flat background, written to a folder: small, and known by heart."""

from pathlib import Path

import numpy as np

import cevnsjax

EXPERIMENT = """
format = 2
name = "one_bin"
title = "One bin, on and off"
[target]
elements = {{ Ge = 1 }}
[source]
kind = "reactor"
power_GW = 3.9
baseline_m = 17.1
energy_per_fission_MeV = 205.0
fission_fractions = {{ U235 = 0.57, U238 = 0.08, Pu239 = 0.30, Pu241 = 0.05 }}
[[axes]]
name = "energy"
unit = "eV_ee"
[response.nuclear]
yield = {{ kind = "lindhard", k = 0.16 }}
smearing = {{ kind = "gaussian", noise = 30.0, fano = 0.11, pair_energy = 2.96 }}
[[sample]]
name = "flat"
kind = "flat"
rate_per_keV_kg_d = {rate}
[[runs]]
name = "A"
on_kg_d = {on_kg_d}
edges = {{ start = 300, stop = 400, bins = {bins} }}
file = "counts.csv"
"""

OFF = "off_kg_d = {off_kg_d}\n"

FREE = """
[[nuisance]]
name = "flat_rate"
key = "sample.flat.rate_per_keV_kg_d"
free = true
"""


def on_and_off(folder: Path, on, off, rate: float = 10.0) -> cevnsjax.Likelihood:
    """Return the likelihood of counts with the source on for 100 kg d and off for 25; the background's rate is free."""
    return _written(folder, EXPERIMENT + OFF.format(off_kg_d=25) + FREE, rate, 100, on=on, off=off)


def with_known_background(folder: Path, on, background: float) -> cevnsjax.Likelihood:
    """Return the likelihood of counts in one bin in which so many are expected of a background that is known."""
    return _written(folder, EXPERIMENT, background, 10, on=on)  # 10 kg d times 100 eV are one keV kg d


def _written(folder: Path, text: str, rate: float, on_kg_d: float, **columns) -> cevnsjax.Likelihood:
    counts = {name: np.atleast_1d(values) for name, values in columns.items()}
    bins = next(iter(counts.values())).size
    edges = np.linspace(300, 400, bins + 1)
    rows = zip(edges[:-1], edges[1:], *counts.values(), strict=True)
    lines = [",".join(["energy_low", "energy_high", *counts]), *(",".join(map(str, row)) for row in rows)]
    (folder / "counts.csv").write_text("\n".join(lines))
    (folder / "one_bin.toml").write_text(text.format(rate=rate, on_kg_d=on_kg_d, bins=bins))
    return cevnsjax.Likelihood(folder / "one_bin.toml")
