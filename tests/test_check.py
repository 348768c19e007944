"""Every embedded experiment and combination gives the chi-squared that its own file states."""

import pytest

from cevnsjax.experiments import combination_names, describe, describe_combination, experiment_names
from cevnsjax.likelihood import Likelihood


@pytest.mark.parametrize("name", [*experiment_names(), *combination_names()])
def test_each_file_gives_the_chi_squared_that_it_states(name: str) -> None:
    """To 1e-9: absolute where it is small, as of expected data, relative where it is large."""
    check = (describe_combination if name in combination_names() else describe)(name).check
    assert check is not None, f"the file of {name} has no [check]"
    likelihood = Likelihood(name, systematics=check.systematics)
    assert float(likelihood.chi2(check.chi2_at)) == pytest.approx(check.chi2, rel=1e-9, abs=1e-9)
