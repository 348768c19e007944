"""cevnsjax: differentiable cross sections, rates and likelihoods for coherent neutrino scattering.

All arithmetic is in double precision: importing the package switches it on in JAX (`jax_enable_x64`), before any
array is made. The names below are imported when they are first used, so that the command line answers without waiting
for JAX. Examples in docstrings take `cevnsjax`, `jax`, `jax.numpy as jnp` and `numpy as np` as imported.
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

if "jax" in sys.modules:
    sys.modules["jax"].config.update("jax_enable_x64", True)
else:
    os.environ["JAX_ENABLE_X64"] = "1"  # JAX reads it when it is imported

if TYPE_CHECKING:
    from cevnsjax.compilation import cache_compilations
    from cevnsjax.experiments import copy_experiment, load_experiment, load_runs
    from cevnsjax.exporting import export
    from cevnsjax.inference import (
        Consistency,
        FitResult,
        Impacts,
        ProfileResult,
        Projection,
        ScanResult,
        asimov,
        consistency,
        expected_intervals,
        fit,
        impacts,
        profile,
        project,
        scan,
    )
    from cevnsjax.interactions import model
    from cevnsjax.likelihood import Likelihood
    from cevnsjax.likelihood.derivatives import covariance, fisher, gradient, hessian
    from cevnsjax.provenance import Citation, cite, rerun
    from cevnsjax.results import nuisance_table
    from cevnsjax.sampling import Calibration, Prior, SampleResult, calibrate, numpyro_model, sample
    from cevnsjax.toys import (
        Coverage,
        FeldmanCousins,
        GoodnessOfFit,
        Significance,
        coverage,
        feldman_cousins,
        goodness_of_fit,
        significance,
    )

__all__ = [
    "Calibration",
    "Citation",
    "Consistency",
    "Coverage",
    "FeldmanCousins",
    "FitResult",
    "GoodnessOfFit",
    "Impacts",
    "Likelihood",
    "Prior",
    "ProfileResult",
    "Projection",
    "SampleResult",
    "ScanResult",
    "Significance",
    "asimov",
    "cache_compilations",
    "calibrate",
    "cite",
    "consistency",
    "copy_experiment",
    "covariance",
    "coverage",
    "expected_intervals",
    "export",
    "feldman_cousins",
    "fisher",
    "fit",
    "goodness_of_fit",
    "gradient",
    "hessian",
    "impacts",
    "load_experiment",
    "load_runs",
    "model",
    "nuisance_table",
    "numpyro_model",
    "profile",
    "project",
    "rerun",
    "sample",
    "scan",
    "significance",
]

_ROOMS = {
    "compilation": "cache_compilations",
    "experiments": "copy_experiment load_experiment load_runs",
    "exporting": "export",
    "inference": "Consistency FitResult Impacts ProfileResult Projection ScanResult asimov consistency"
    " expected_intervals fit impacts profile project scan",
    "interactions": "model",
    "likelihood": "Likelihood",
    "likelihood.derivatives": "covariance fisher gradient hessian",
    "provenance": "Citation cite rerun",
    "results": "nuisance_table",
    "sampling": "Calibration Prior SampleResult calibrate numpyro_model sample",
    "toys": "Coverage FeldmanCousins GoodnessOfFit Significance coverage feldman_cousins goodness_of_fit significance",
}
"""Where each name comes from."""

_WHERE = {name: room for room, names in _ROOMS.items() for name in names.split()}


_RENAMED: dict[str, tuple[str, str]] = {}
"""Old names: the new one, and the version that removes the old one; docs/policy.md has the rules."""


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        from cevnsjax.errors import renamed

        new, until = _RENAMED[name]
        renamed(f"cevnsjax.{name}", f"cevnsjax.{new}", until)
        return __getattr__(new)
    if name == "__version__":
        from importlib.metadata import version

        return version(__name__)
    if name not in _WHERE:
        raise AttributeError(f"module 'cevnsjax' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"cevnsjax.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
