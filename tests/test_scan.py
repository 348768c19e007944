"""Scans of planes against chi^2 of the full likelihood, point by point, and against SciPy."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from direct import recoil_energy
from examples import check_example
from ingredients import FERMI_CONSTANT, isotopes
from scipy.optimize import brentq, minimize, minimize_scalar

import cevnsjax
from cevnsjax import scan
from cevnsjax.errors import InputError
from cevnsjax.inference.profile import Curve
from cevnsjax.inference.search import PolynomialSearch, checked

# From tables of the chi-squared distribution: 90 % with one and with two degrees of freedom.
ONE, TWO = 2.705543454095404, 4.605170185988092


@dataclasses.dataclass
class Plane:
    """A scan, the likelihood that it is of, and how its progress was told."""

    likelihood: cevnsjax.Likelihood
    result: cevnsjax.ScanResult
    told: list[tuple[int, int]]


def made(likelihood, *axes, **options) -> Plane:
    told: list[tuple[int, int]] = []
    return Plane(likelihood, scan(likelihood, *axes, **options, advance=lambda *done: told.append(done)), told)


@pytest.fixture(scope="module", autouse=True)
def _chunks():
    """Planes of a test are small, and fit into one chunk else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cevnsjax.inference.lines.CHEAP", 32)
        yield


@pytest.fixture(scope="module")
def vector(conus_plus, _chunks):
    """33 masses, one more than are computed at once."""
    likelihood = cevnsjax.Likelihood(conus_plus, model="vector_bl")
    return made(likelihood, ("m_z", 0.3, 3000.0, 33), ("g_bl", 1e-6, 1e-2, 161), dof=1)


@pytest.fixture(scope="module")
def scalar(conus_plus):
    likelihood = cevnsjax.Likelihood(conus_plus, model="scalar")
    return made(likelihood, ("m_phi", 0.3, 3000.0, 33), ("g_phi", 1e-9, 1e-2, 281), dof=1)


@pytest.fixture(scope="module")
def universal(conus_plus, _chunks):
    """As many masses that the strip, a sixth of its coupling wide, does not fall apart into islands."""
    likelihood = cevnsjax.Likelihood(conus_plus, model="vector_universal")
    return made(likelihood, ("m_z", 30.0, 3000.0, 61), ("g_z", 2e-5, 1e-2, 109), dof=1)


@pytest.fixture(scope="module")
def many(conus_plus, _chunks):
    """As many masses that most of them are interpolated."""
    likelihood = cevnsjax.Likelihood(conus_plus, model="vector_bl")
    return made(likelihood, ("m_z", 1.0, 10.0, 101), ("g_bl", 1e-6, 1e-4, 81), dof=1)


@pytest.fixture
def plane(request):
    return request.getfixturevalue(request.param)


NAMES = ["vector", "scalar", "universal", "many"]
all_planes = pytest.mark.parametrize("plane", NAMES, indirect=True)


def names(result) -> tuple[str, str]:
    return result.x.parameter.name, result.y.parameter.name


def point_by_point(plane):
    """chi^2 of the full likelihood at every point of the grid."""
    x, y = names(plane.result)
    along = jax.vmap(lambda b, a: plane.likelihood.chi2({x: a, y: b}), (None, 0))
    result = plane.result
    return np.asarray(jax.jit(jax.vmap(along, (0, None)))(jnp.asarray(result.y.values), jnp.asarray(result.x.values)))


def crossings(result, mass):
    """The couplings at which the contours cross the column of a mass, ascending."""
    return np.sort([g for curve in result.contours for m, g in curve if m == pytest.approx(mass, rel=1e-9)])


def ends(plane, masses, level):
    """The same by SciPy, for each mass: wherever chi^2 along its column rises above the level or falls below it."""
    x, y = names(plane.result)
    log = np.linspace(*np.log(plane.result.y.values[[0, -1]]), 2001)

    def excess(log, mass):
        return plane.likelihood.chi2({x: mass, y: jnp.exp(log)}) - plane.result.chi2_min - level

    column = jax.jit(jax.vmap(excess, (0, None)))
    for mass in masses:
        above = np.asarray(column(log, mass)) > 0
        brackets = np.flatnonzero(above[1:] != above[:-1])
        yield np.exp([brentq(lambda at, m=mass: float(excess(at, m)), log[i], log[i + 1]) for i in brackets])


def without_norm(values):
    return {name: value for name, value in values.items() if name != "norm"}


@all_planes
def test_grid_is_chi2_of_each_point(plane) -> None:
    expected = point_by_point(plane)
    np.testing.assert_allclose(plane.result.delta_chi2 + plane.result.chi2_min, expected, rtol=1e-12)


@all_planes
def test_least_chi2_against_scipy(plane) -> None:
    """From the grid's own least, in the logarithms, and within the limits of the plane."""
    result, (x, y) = plane.result, names(plane.result)
    limits = np.log([axis.values[[0, -1]] for axis in (result.x, result.y)])
    row, column = np.unravel_index(np.argmin(result.delta_chi2), result.delta_chi2.shape)
    found = minimize(
        lambda place: float(plane.likelihood.chi2({x: np.exp(place[0]), y: np.exp(place[1])})),
        np.log([result.x.values[column], result.y.values[row]]),
        method="Nelder-Mead",
        bounds=limits,
        options={"xatol": 1e-6, "fatol": 1e-12},
    )
    assert result.chi2_min == pytest.approx(found.fun, abs=1e-9)
    assert result.delta_chi2.min() >= 0.0
    for name, place in zip((x, y), found.x, strict=True):
        # Of a minimum of curvature one and more, known to 1e-12.
        assert result.best_fit[name] == pytest.approx(np.exp(place), rel=1e-4)
    for given in (result.best_fit, without_norm(result.best_fit)):
        assert float(plane.likelihood.chi2(given)) == pytest.approx(result.chi2_min, rel=1e-13)


def test_no_coupling_is_the_standard_model(scalar, likelihood) -> None:
    standard = float(likelihood.chi2({})) - scalar.result.chi2_min
    np.testing.assert_allclose(scalar.result.delta_chi2[0], standard, rtol=1e-9)


@pytest.mark.parametrize(
    # Forty couplings a decade; the strip of the universal vector is a few of them wide, and bends in between.
    ("plane", "error"), [("vector", 1e-3), ("scalar", 2e-3), ("universal", 1e-2)], indirect=["plane"],
)  # fmt: skip
def test_contours_against_scipy(plane, error: float) -> None:
    result = plane.result
    for scanned, level in ((result, ONE), (result.at_level(0.90, dof=2), TWO)):
        masses = result.x.values[::8]
        for mass, expected in zip(masses, ends(plane, masses, level), strict=True):
            np.testing.assert_allclose(crossings(scanned, mass), expected, rtol=error)


def test_another_level_changes_the_contours_alone(vector) -> None:
    at_two = vector.result.at_level(0.95, dof=2)
    for field in ("x", "y", "delta_chi2", "best_fit", "chi2_min"):
        assert getattr(at_two, field) is getattr(vector.result, field)
    assert (at_two.cl, at_two.dof) == (0.95, 2)
    (curve,), (same,), (other,) = vector.result.contours, at_two.at_level(0.90, dof=1).contours, at_two.contours
    np.testing.assert_array_equal(same, curve)
    assert not np.array_equal(other, curve)


def test_progress_is_told_after_every_chunk(vector, universal) -> None:
    """Chunks are of 32 lines here."""
    assert vector.told == [(32, 33), (33, 33)]
    assert universal.told == [(32, 61), (61, 61)]


# What the contours look like


def test_a_heavy_mediator_is_a_contact_interaction(vector) -> None:
    """g / M is then constant, but for q^2 / (2 M^2): 8e-4 at 300 MeV, and the recoils of a keV that are seen."""
    ratios = [crossings(vector.result, mass)[0] / mass for mass in vector.result.x.values[24:]]
    assert ratios[0] / ratios[-1] == pytest.approx(1.0, abs=1e-3)
    assert ratios == sorted(ratios, reverse=True)


def test_strip_of_the_universal_vector(universal) -> None:
    """Where its amplitude is -2 times the Standard Model's, the counts are the same: an allowed strip beside zero."""
    assert len(universal.result.contours) == 3
    at_30, at_300, at_3000 = (crossings(universal.result, mass) / mass for mass in (30.0, 300.0, 3000.0))
    np.testing.assert_allclose(at_300, at_3000, rtol=3e-3)
    charges = [(i["Z"] * (0.5 - 2 * 0.23857) - (i["A"] - i["Z"]) / 2, i["A"]) for i in isotopes()]
    reversed_sign = [(-2 * q * 2**0.5 * FERMI_CONSTANT / (3 * A)) ** 0.5 for q, A in charges]
    limit, lower, upper = at_3000
    assert limit < lower < min(reversed_sign) < max(reversed_sign) < upper
    # A lighter one has to make up for the momentum transfer: g^2 / (M^2 + 2 M_N T) is what stays the same.
    q2 = 30.0**2 * ((at_30 / at_3000[1:]) ** 2 - 1)
    T_keV = q2 / (2 * np.mean([i["M"] for i in isotopes()])) * 1e3
    # Between the energies that ionise like 140 eV, a resolution's width below the threshold, and 350 eV.
    assert recoil_energy(140.0, 0.162) < T_keV.min() < T_keV.max() < recoil_energy(350.0, 0.162)


# Other planes


@pytest.mark.parametrize(
    ("model", "x", "y", "values"),
    [
        # A mass on the vertical axis, and everything else given.
        (
            "scalar", ("g_phi", 1e-7, 1e-4, 5), ("m_phi", 1.0, 100.0, 4),
            {"sin2_theta_w": 0.2, "quenching_k": 0.15, "norm": 1.1},
        ),
        ("sm", ("quenching_k", 0.12, 0.2, 3), ("sin2_theta_w", 0.05, 0.6, 5), {}),
        ("sm", ("norm", 0.3, 2.0, 4), ("sin2_theta_w", 0.05, 0.6, 5), {"quenching_k": 0.15}),
    ],
)  # fmt: skip
def test_planes_of_other_kinds_point_by_point(conus_plus, model: str, x, y, values) -> None:
    likelihood = cevnsjax.Likelihood(conus_plus, model=model)
    result = scan(likelihood, x, y, values=values)
    assert result.delta_chi2.shape == (y[-1], x[-1])
    expected = [
        [float(likelihood.chi2({**values, x[0]: a, y[0]: b})) for a in result.x.values] for b in result.y.values
    ]
    # Along k counts are a polynomial, exact to 1e-6 of the largest bin; all else is the same sum in another order.
    exact = 1e-7 if "quenching_k" in (x[0], y[0]) else 1e-12
    np.testing.assert_allclose(result.delta_chi2 + result.chi2_min, expected, rtol=exact)
    assert result.delta_chi2.min() >= 0.0
    assert float(likelihood.chi2({**values, **result.best_fit})) == pytest.approx(result.chi2_min, rel=exact)
    assert set(result.best_fit) == {x[0], y[0], "norm"} - set(values)


def profiled(plane, other, low, high):
    """chi^2 minimised by SciPy over another parameter, in the best cell of a fine grid, at each point of a plane."""
    x, y = names(plane.result)
    grid = np.linspace(low, high, 401)

    def chi2(value, a, b):
        return plane.likelihood.chi2({x: a, y: b, other: value})

    along = jax.jit(jax.vmap(chi2, (0, None, None)))

    def least(a, b):
        heights = np.asarray(along(grid, a, b))
        i = np.clip(np.argmin(heights), 1, grid.size - 2)
        bounds, step = (-1.0, 1.0), grid[1] - grid[0]
        found = minimize_scalar(
            lambda t: float(chi2(grid[i] + t * step, a, b)), bounds=bounds, method="bounded", options={"xatol": 1e-6}
        )
        return min(found.fun, heights.min())

    return np.array([[least(a, b) for a in plane.result.x.values] for b in plane.result.y.values])


def test_third_charge_radius_is_minimised(conus_plus, likelihood) -> None:
    """It is the model's own third free parameter; two transitions add in squares, which leaves it two minima or one."""
    of_radii = cevnsjax.Likelihood(conus_plus, model="charge_radius")
    plane = made(of_radii, ("r2_ee", -8e-31, 3e-31, 7), ("r2_emu", -6e-31, 6e-31, 5))
    result = plane.result
    expected = profiled(plane, "r2_etau", -2e-30, 2e-30)
    np.testing.assert_allclose(result.delta_chi2 + result.chi2_min, expected, rtol=1e-12)
    assert set(result.best_fit) == {"r2_ee", "r2_emu", "r2_etau", "norm"}
    assert result.delta_chi2.min() >= 0.0
    assert float(of_radii.chi2(without_norm(result.best_fit))) == pytest.approx(result.chi2_min, rel=1e-13)
    # The radius <r^2_ee> is a shift of the mixing angle, and reaches the same least chi^2.
    shifted = minimize_scalar(lambda angle: float(likelihood.chi2({"sin2_theta_w": angle})), bounds=(0.1, 0.5))
    assert result.chi2_min == pytest.approx(shifted.fun, abs=1e-9)


def test_mixing_angle_beside_a_mediator_is_minimised(conus_plus) -> None:
    likelihood = cevnsjax.Likelihood(conus_plus, model="scalar")
    plane = made(likelihood, ("m_phi", 0.1, 1000.0, 5), ("g_phi", 3e-7, 1e-2, 7), free=["sin2_theta_w"])
    result = plane.result
    expected = profiled(plane, "sin2_theta_w", 0.0, 1.0)
    excess = result.delta_chi2 + result.chi2_min - expected
    plateau = result.delta_chi2 > 20.0
    assert plateau.any()
    np.testing.assert_allclose(excess[~plateau], 0.0, atol=1e-11)
    # There the angle is at its bound, where the minimiser's coordinates have no slope: it stops up to 0.015 above.
    np.testing.assert_allclose(excess[plateau], 0.0, atol=0.05)
    assert excess.min() > -1e-11
    assert float(likelihood.chi2(without_norm(result.best_fit))) == pytest.approx(result.chi2_min, rel=1e-13)


def test_a_valley_that_is_not_there_where_a_line_begins(conus_plus) -> None:
    """The universal vector turns the sign of Q_V: a second value of sin^2(theta_W) fits, once g is large enough."""
    likelihood = cevnsjax.Likelihood(conus_plus, model="vector_universal")
    plane = made(likelihood, ("m_z", 50.0, 100.0, 2), ("g_z", 1e-5, 1e-3, 21), free=["sin2_theta_w"])
    expected = profiled(plane, "sin2_theta_w", 0.0, 1.0)
    low = expected < expected.min() + 10.0
    np.testing.assert_allclose((plane.result.delta_chi2 + plane.result.chi2_min)[low], expected[low], atol=1e-6)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (("m_x", 1.0, 10.0, 3), ("g_bl", 1e-6, 1e-4, 3), {}, "unknown parameter 'm_x'"),
        (("m_z", 1.0, 10.0, 3), ("g_phi", 1e-6, 1e-4, 3), {}, "unknown parameter 'g_phi'"),
        (("m_z", 1.0, 10.0, 3), ("m_z", 1.0, 10.0, 3), {}, "may stand once"),
        (("m_z", 1.0, 10.0, 3), ("g_bl", 1e-6, 1e-4, 3), {"free": ["norm", "norm"]}, "may stand once"),
        (("m_z", 1.0, 10.0, 3), ("g_bl", 1e-6, 1e-4, 3), {"free": ["g_z"]}, "unknown parameter 'g_z'"),
        (("m_z", 1.0, 10.0, 3), ("g_bl", 1e-6, 1e-4, 3), {"values": {"m_z": 3.0}}, "both free and set"),
        (("m_z", 1.0, 10.0, 3), ("g_bl", 1e-6, 1e-4, 3), {"values": {"norm": -1.0}}, "norm = -1 is not allowed"),
        (("m_z", 10.0, 1.0, 3), ("g_bl", 1e-6, 1e-4, 3), {}, "range 10 to 1 of m_z does not rise"),
        (("m_z", 1.0, 1.0, 3), ("g_bl", 1e-6, 1e-4, 3), {}, "does not rise"),
        (("m_z", 1.0, 10.0, 3), ("g_bl", 0.0, 1e-4, 3), {}, "g_bl begins at 0"),
        (("m_z", -1.0, 10.0, 3), ("g_bl", 1e-6, 1e-4, 3), {}, "between 0 and inf"),
        (("m_z", 1.0, np.nan, 3), ("g_bl", 1e-6, 1e-4, 3), {}, "finite number"),
        (("m_z", 1.0, 10.0, 1), ("g_bl", 1e-6, 1e-4, 3), {}, "1 points given for m_z"),
        (("m_z", 1.0, 10.0, 3), ("g_bl", 1e-6, 1e-4, 3), {"cl": 90.0}, "confidence level"),
        (("m_z", 1.0, 10.0, 3), ("g_bl", 1e-6, 1e-4, 3), {"dof": 3}, "3 degrees of freedom"),
    ],
)
def test_wrong_calls(vector, x, y, options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        scan(vector.likelihood, x, y, **options)


def test_the_examples_of_docstrings() -> None:
    check_example("cevnsjax.figures.curves.plane_figure")
    check_example("cevnsjax.inference.scan.scan")


def test_a_search_that_ends_in_a_minimum_of_its_own_is_no_island(conus_plus) -> None:
    """Two neighbouring values are spoiled; where chi^2 leaps it is searched for again, from both sides."""
    likelihood = cevnsjax.Likelihood(conus_plus, systematics="detailed")
    search = PolynomialSearch(likelihood, *checked(likelihood, ["sin2_theta_w"], {}))
    curve = Curve(search, "sin2_theta_w", search.start[None], {})
    right = curve.at(np.linspace(0.1, 0.5, 9)).copy()
    curve.value[4:6] += [1e4, 2e4]
    curve.place[4:6] += 3.0
    curve.follow_leaps()
    np.testing.assert_allclose(curve.value, right, rtol=0, atol=1e-9)
    curve.value[:] = np.inf  # as where counts overflow: the plane is refused, and nothing warns before
    curve.follow_leaps()
    assert np.isinf(curve.value).all()
