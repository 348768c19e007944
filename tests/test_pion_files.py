"""Mistakes in files of beams: each is refused in one line that says what would be right."""

from pathlib import Path

import pytest
from editing import refused_copy

CSI_MISTAKES = {
    "a live time beside protons": ("mass_kg = 14.6  ", "mass_kg = 14.6\nlive_days = 300  ", "leave out live_days"),
    "no pulse": ("pulse = {", "# pulse = {", "needs source.pulse = { mean_us, sigma_us }"),
    "a clock in hours": ('unit = "us"', 'unit = "h"', "give a unit of us, ns"),
    "an efficiency along no axis": ("efficiencies = { time", "efficiencies = { x", "has 'x', which is no second axis"),
    "a component too short": ("components = [[0.0059004, ", "components = [[", "as many numbers as there are"),
    "a shift without its component": ("shifts = [0.0, 0.0]", "shifts = [0.0]", "one of shifts for each row"),
    "a logistic curve of three numbers": ("numbers = [1.32045, ", "numbers = [", "needs numbers = [a, b, c, d]"),
    "an efficiency above one": ("numbers = [1.32045, ", "numbers = [1.42045, ", "the efficiency rises to 1.08"),
    "a parabola without a width": (
        'interpolation = "parabola"\nsigma = 1.0 ',
        'interpolation = "parabola"\nfree = true ',
        "give a key and a sigma",
    ),
    "a radius that the file does not set": (
        '[[nuisance]]\nname = "sns_flux"',
        '[[nuisance]]\nname = "neutron_radius"\nkey = "target.neutron_radius"\nsigma = 0.2\n'
        '[[nuisance]]\nname = "sns_flux"',
        "the file does not set target.neutron_radius",
    ),
}  # fmt: skip

LAR_MISTAKES = {
    "electrons with a profile of nuclei": ('electron = "none"', 'electron = { }', "give electron = 'none'"),
    "a profile over no axis": ('axes = ["f90", "time"]', 'axes = ["f90", "x"]', "has 'x', which is no second axis"),
    "an axis without a profile": ('axes = ["f90", "time"]', 'axes = ["time"]', "have no profile along 'f90'"),
    "a profile of counts": ('"signal_profile.csv",', '"templates.csv", column = "cevns",', "give 1 at most"),
}  # fmt: skip


MISTAKES = {
    **{name: ("coherent_csi", *mistake) for name, mistake in CSI_MISTAKES.items()},
    **{name: ("coherent_lar", *mistake) for name, mistake in LAR_MISTAKES.items()},
    "a reactor without a live time": ("conus_plus", "live_days = 110\n", "", "detector 'C3' has no live_days"),
}


@pytest.mark.parametrize(("experiment", "old", "new", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(tmp_path: Path, experiment: str, old: str, new: str, message: str) -> None:
    refused_copy(experiment, tmp_path, old, new, message)
