"""The recipes of the documentation, run as they stand: each finds the same minimum, or the same posterior."""

import re
from pathlib import Path

import jax
import matplotlib
import numpy as np
import pytest
from scipy import integrate

import cevnsjax

PAGE = Path(__file__).parent.parent / "docs" / "recipes.md"
HEAD, *SECTIONS = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
RECIPES = {section.split("\n")[0]: section for section in SECTIONS}


def run(text: str, names: dict) -> dict:
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))
    assert code
    exec(compile(code, "docs/recipes.md", "exec"), names)
    return names


@pytest.fixture(scope="module")
def head():
    return run(HEAD, {})


@pytest.fixture(scope="module")
def posterior(conus_plus):
    """Mean and width of the angle by direct integration, the norm integrated in closed form."""
    x = np.linspace(0.0, 1.0, 2001)
    chi2 = np.asarray(jax.vmap(cevnsjax.Likelihood(conus_plus, pull="marginalised").chi2)({"sin2_theta_w": x}))
    density = np.exp(-(chi2 - chi2.min()) / 2)
    density /= integrate.simpson(density, x=x)
    mean = integrate.simpson(x * density, x=x)
    return mean, integrate.simpson((x - mean) ** 2 * density, x=x) ** 0.5


def agrees(draws, posterior, effective: int) -> None:
    """Within five errors of the mean, and of the width, of so many independent draws."""
    (mean, width), draws = posterior, np.asarray(draws)
    assert draws.mean() == pytest.approx(mean, abs=5 * width / effective**0.5)
    assert draws.std() == pytest.approx(width, rel=5 / (2 * effective) ** 0.5)


def test_each_recipe_is_tested() -> None:
    tested = {"iminuit", "optax", "NumPyro", "BlackJAX", "emcee", "ArviZ", "Toys of your own"}
    assert set(RECIPES) == tested


def test_iminuit(head) -> None:
    minuit, result = run(RECIPES["iminuit"], dict(head))["minuit"], head["result"]
    for name in head["names"]:
        assert minuit.values[name] == pytest.approx(result.best_fit[name], abs=1e-2 * result.errors[name])
        assert minuit.errors[name] == pytest.approx(result.errors[name], rel=1e-2)


def test_optax(head) -> None:
    x, result = run(RECIPES["optax"], dict(head))["x"], head["result"]
    for name, value in zip(head["names"], x, strict=True):
        assert float(value) == pytest.approx(result.best_fit[name], abs=1e-3 * result.errors[name])


def test_numpyro(head, posterior) -> None:
    agrees(run(RECIPES["NumPyro"], dict(head))["draws"]["sin2_theta_w"], posterior, 200)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # those of its own imports
def test_blackjax(head, posterior) -> None:
    agrees(run(RECIPES["BlackJAX"], dict(head))["positions"][:, 0], posterior, 200)


def test_emcee(head, posterior) -> None:
    agrees(run(RECIPES["emcee"], dict(head))["flat"][:, 0], posterior, 500)


@pytest.mark.filterwarnings("ignore::matplotlib.MatplotlibDeprecationWarning")  # ArviZ' own way of passing colours
def test_arviz(head, capsys) -> None:
    with matplotlib.rc_context({"backend": "agg"}):
        run(RECIPES["ArviZ"], dict(head))
        assert any(axes.has_data() for axes in matplotlib.pyplot.gcf().axes)
    assert "elpd" in capsys.readouterr().out
    matplotlib.pyplot.close("all")


def test_toys(head) -> None:
    """Scattered by the error of the angle alone, as all constraints and the norm are free to move, around the truth."""
    angles = np.array(run(RECIPES["Toys of your own"], dict(head))["angles"])
    assert len(angles) == 20
    error = head["result"].errors["sin2_theta_w"]
    assert angles.mean() == pytest.approx(0.24, abs=5 * error / 20**0.5)
    assert 0 < angles.std() < 2 * error
