"""Fits of COHERENT's data against iminuit on a likelihood written out in NumPy, and the coverage of their intervals."""

from functools import partial

import jax
import numpy as np
import pytest
from iminuit import Minuit
from scipy.special import xlogy

import cevnsjax
from cevnsjax.likelihood.kernel import Data
from cevnsjax.likelihood.newton import minimise_all
from cevnsjax.resources import data_folder, read_table

ANGLE = "sin2_theta_w"
SHAPES = "pe_efficiency", "quenching_0", "quenching_1"
RATES = {  # what is expected of each background, and how well it is known, as the experiments' files have it
    "coherent_csi": {"steady_state": (1286.0, 0.021), "beam_neutrons": (18.4, 0.25), "neutrino_neutrons": (5.6, 0.357)},
    "coherent_lar": {"brn": (1.0, 0.321932), "delayed_brn": (1.0, 1.0), "steady_state": (1.0, 0.007931)},
}
TABLES = {"coherent_csi": "backgrounds.csv", "coherent_lar": "templates.csv"}
FLUX, DETECTION = 0.10, 0.083


def column(name: str, file: str, key: str) -> np.ndarray:
    """Return a column of a table of an experiment."""
    return read_table(data_folder() / name / file, (key,))[key]


def deviance(observed: np.ndarray, mean: np.ndarray) -> float:
    """-2 log of the likelihood ratio to counts that are the data's own; infinite where less than none are expected."""
    if mean.min() < 0:
        return np.inf
    return 2 * float((mean - observed + xlogy(observed, observed) - xlogy(observed, mean)).sum())


class Written:
    """One experiment in NumPy: three signals make a parabola in the angle, three more one in each shape."""

    def __init__(self, name: str, shapes: tuple[str, ...] = ()):
        self.shapes = len(shapes)
        likelihood = cevnsjax.Likelihood(name)
        background = likelihood.experiments[0].background()
        self.observed = column(name, "counts.csv", "observed")
        factors, self.sigma = np.array(list(RATES[name].values())).T
        self.templates = factors[:, None] * np.stack([column(name, TABLES[name], key) for key in RATES[name]])

        def signal(**values: float) -> np.ndarray:
            """Return three coefficients of the parabola in the angle, in all cells."""
            at = [np.asarray(likelihood.expected({**values, ANGLE: s})) - background for s in (0.0, 0.5, 1.0)]
            return np.linalg.solve(np.vander([0.0, 0.5, 1.0], increasing=True), np.stack(at))

        middle = signal()
        ends = [(signal(**{one: 1.0}), signal(**{one: -1.0})) for one in shapes]
        self.table = np.stack([
            middle, *((up - down) / 2 for up, down in ends), *((up + down) / 2 - middle for up, down in ends)
        ])  # fmt: skip

    def chi2(self, angle: float, strength: float, z: np.ndarray, rates: np.ndarray) -> float:
        """Deviance, and the constraints of the shapes and of the backgrounds' rates."""
        signal = np.array([1.0, angle, angle**2]) @ np.tensordot(np.concatenate([[1.0], z, z**2]), self.table, 1)
        constraints = float(z @ z + (((rates - 1) / self.sigma) ** 2).sum())
        return deviance(self.observed, strength * signal + rates @ self.templates) + constraints


@pytest.fixture(scope="module")
def written():
    return Written("coherent_csi", SHAPES), Written("coherent_lar")


def migrad(chi2, names, start, steps, limits) -> Minuit:
    """MIGRAD with a tolerance at which it estimates to be 2e-8 above its minimum."""
    minuit = Minuit(chi2, start, name=names)
    minuit.errors, minuit.limits = steps, limits
    minuit.tol, minuit.strategy = 1e-5, 2
    minuit.migrad()
    assert minuit.valid
    return minuit


@pytest.fixture(scope="module")
def minimum(written) -> Minuit:
    """The angle and eleven nuisances of both experiments: the flux is common, all else their own."""
    csi, lar = written

    def chi2(x: np.ndarray) -> float:
        angle, flux, detection, (z, own, other) = x[0], x[1], x[2], np.split(x[3:], 3)
        common = ((flux - 1) / FLUX) ** 2 + ((detection - 1) / DETECTION) ** 2
        # Factors on one signal add.
        return csi.chi2(angle, flux, z, own) + lar.chi2(angle, flux + detection - 1, z[:0], other) + common

    names = [ANGLE, "flux", "detection", *SHAPES, *(f"{name}_{key}" for name, one in RATES.items() for key in one)]
    start = np.concatenate([[0.23, 1.0, 1.0], np.zeros(3), np.ones(6)])
    steps = np.concatenate([[0.02, FLUX, DETECTION], np.ones(3), csi.sigma, lar.sigma])
    limits = [(None, None), (0.5, 1.5), (0.5, 1.5), *[(-3.0, 3.0)] * 3, *[(0.0, 4.0)] * 6]
    return migrad(chi2, names, start, steps, limits)


@pytest.fixture(scope="module")
def both():
    return cevnsjax.Likelihood("coherent_csi", "coherent_lar")


def test_the_angle_with_all_nuisances(both, minimum) -> None:
    """The least chi^2 within 1e-6, and all that is fitted within 1e-3 of its error: chi^2 goes with the square."""
    result = cevnsjax.fit(both, [ANGLE], cl=0.6827)
    assert len(result.nuisances) == 11
    assert result.chi2_min == pytest.approx(minimum.fval, rel=0, abs=1e-6)
    csi, lar = ([f"{name}_{key}" for key in one] for name, one in RATES.items())
    own = ["steady_rate_coherent_csi", "beam_neutron_rate_coherent_csi", "neutrino_neutron_rate_coherent_csi"]
    other = ["brn_rate_coherent_lar", "delayed_brn_rate_coherent_lar", "steady_rate_coherent_lar"]
    pairs = {
        ANGLE: ANGLE, "sns_flux": "flux", "detection_coherent_lar": "detection",
        **{f"{name}_coherent_csi": name for name in SHAPES},
        **dict(zip(own + other, csi + lar, strict=True)),
    }  # fmt: skip
    assert set(result.best_fit) == set(pairs)
    for name, theirs in pairs.items():
        assert abs(result.best_fit[name] - minimum.values[theirs]) < 1e-3 * minimum.errors[theirs], name


def test_the_interval_of_the_angle(both, minimum) -> None:
    """MINOS looks for the same ends by a way of its own: within a thousandth of the interval's length."""
    ((low, high),) = cevnsjax.fit(both, [ANGLE], cl=0.6827).intervals[ANGLE]
    errors = minimum.minos(ANGLE, cl=0.6827).merrors[ANGLE]
    ends = minimum.values[ANGLE] + np.array([errors.lower, errors.upper])
    np.testing.assert_allclose([low, high], ends, rtol=0, atol=1e-3 * (high - low))


TOYS, TOGETHER = 10_000, 50
SHARE = 0.6827
CASES = {
    "coherent_csi": ("backgrounds", {}),
    "coherent_lar": ("backgrounds", {}),
    # Its only set of nuisances has the flux, too, which is a second factor on the signal: given, one is left.
    "coherent_ge": ("default", {"sns_flux": 1.0}),
}


@partial(jax.jit, static_argnames=("number",))
def fitted(kernel, data, starts, held, number):
    return minimise_all(kernel, data, starts, held, number, TOGETHER)


def deltas(name: str, seed: int) -> np.ndarray:
    """Return Delta chi^2 at the truth of toys: Poisson counts, and measurements of the backgrounds' rates beside them.

    The truth is the Standard Model with all rates as the files have them. NumPy draws, the package fits.
    """
    systematics, given = CASES[name]
    likelihood = cevnsjax.Likelihood(name, systematics=systematics)
    view = likelihood.view(given, ["norm"])
    truth, held = view.start({**given, "norm": 1.0})
    place = view.layout.place("norm")
    free = held.copy()
    free[place] = False
    means = [np.asarray(mean) for mean in likelihood.expected_in({**given, "norm": 1.0})]
    rng = np.random.default_rng(seed)
    counts = [rng.poisson(mean, (TOYS, mean.size)).astype(float) for mean in means]
    observed = tuple(np.stack([counts[i] for i in group], axis=1) for group in view.groups)
    constrained = np.asarray(view.kernel.weight) > 0
    centre = np.where(constrained, truth + rng.standard_normal((TOYS, truth.size)), 0.0)
    assert int((constrained & ~held).sum()) == (1 if name == "coherent_ge" else 3)
    # Two searches for each toy: the strength held at the truth, and free.
    starts = np.tile(truth, (2 * TOYS, 1))
    masks = np.tile(np.stack([held, free]), (TOYS, 1))
    found = fitted(view.kernel, jax.vmap(Data)(observed, centre), starts, masks, 2 * TOYS)
    assert np.asarray(found.converged).all()
    value = np.asarray(found.value).reshape(TOYS, 2)
    return value[:, 0] - value[:, 1]


@pytest.mark.parametrize("name", CASES)
def test_coverage_of_the_strength(name) -> None:
    """Delta chi^2 < 1 at the truth in 68.27 % of toys, within four binomial errors: that interval covers the truth.

    There is no allowance for small counts or for rates at their bound of zero, as 20000 toys showed no need of any.
    """
    delta = deltas(name, seed=1)
    assert delta.min() > -1e-8
    assert abs((delta < 1).mean() - SHARE) < 4 * (SHARE * (1 - SHARE) / TOYS) ** 0.5
