"""The minimiser against SciPy's, and the derivatives of a minimum against finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scattering import quick
from scipy.optimize import minimize

from cevnsjax.likelihood.kernel import Data, Kernel, Term
from cevnsjax.likelihood.newton import MAX_STEPS, Local, descend, minimise, minimise_all, minimum, place
from cevnsjax.likelihood.objective import chi2

REACH = 2.0
HELD = jnp.array([True, False, False])


def valley(z, shift):
    """A valley that bends, with constraints at the origin; its lowest place moves with `shift`."""
    bent = np.array([z[0] + 0.3 * z[1] ** 2 - shift, 2.0 * z[1] - 0.5 * shift * z[0]])
    return bent @ bent + z @ z


def none(*shape):
    return np.zeros(shape, dtype=int), np.zeros(shape)


def kernel():
    """The same valley as a kernel: two cells, shift as a coupling, z in Chebyshev polynomials of z / REACH."""
    index, numbers = none(1, 0)
    coefficients = np.zeros((1, 4, 3, 2))  # shapes 1, z0, z1, T2(z1); couplings 1, t, t^2; cells
    coefficients[0, 0, 0, 0] = 0.3 * REACH**2 / 2
    coefficients[0, 3, 0, 0] = 0.3 * REACH**2 / 2
    coefficients[0, 1, 0, 0] = REACH
    coefficients[0, 0, 1, 0] = -1.0
    coefficients[0, 2, 0, 1] = 2.0 * REACH
    coefficients[0, 1, 1, 1] = -0.5 * REACH
    term = Term(
        kind="gaussian", degrees=((0, 0), (1, 0), (0, 1), (0, 2)), coefficients=coefficients,
        shape_index=np.array([[1, 2]]), shape_offset=np.zeros((1, 2)), shape_slope=np.full((1, 2), 1 / REACH),
        strength=np.ones(1), strength_index=np.array([[3]]), strength_step=np.zeros((1, 1)),
        factor_index=index, factor_sigma=numbers, closed_index=index, closed_sigma=numbers,
        templates=(), sigma=np.ones((1, 2)), own=np.array([[0, 1, 2]]),
    )  # fmt: skip
    wall = np.array([np.inf, REACH, REACH])
    weight = np.array([0.0, 1.0, 1.0])
    return Kernel((term,), weight, np.zeros(3), -wall, wall, np.float64(0.0), couplings=1)


KERNEL, DATA = jax.tree.map(jnp.asarray, (kernel(), Data((np.zeros((1, 2)),), np.zeros(3))))


def start(shift):
    return jnp.array([0.0, 0.0, 0.0]).at[0].set(shift)


# The second variable arrives at its wall at 4.6, where the place has a kink. Below -3 the residuals at the minimum bend
# as much as they do not: steps of Gauss and Newton then go back and forth, and need more than the hundred they have.
INSIDE = st.floats(-3.0, 4.5)
WALLED = st.floats(4.7, 6.0)
FOUND = quick(lambda shift: minimise(KERNEL, DATA, start(shift), HELD))


def test_the_kernel_is_the_valley() -> None:
    function = quick(chi2)
    for y in np.random.default_rng(0).uniform(-2, 2, (5, 3)):
        assert float(function(KERNEL, DATA, y, HELD)) == pytest.approx(valley(y[1:], y[0]), rel=1e-12)


@given(shift=INSIDE | WALLED)
def test_the_place_is_scipys(shift: float) -> None:
    found = minimize(valley, np.zeros(2), args=(shift,), bounds=[(-REACH, REACH)] * 2, tol=1e-14)
    ours = FOUND(shift)
    assert bool(ours.converged)
    assert float(ours.value) <= found.fun + 1e-9
    assert float(ours.value) == pytest.approx(valley(np.asarray(ours.place)[1:], shift), rel=1e-12)
    np.testing.assert_allclose(ours.place[1:], found.x, atol=1e-4)


def best(shift):
    return place((KERNEL, DATA, start(shift), HELD))


BEST = quick(best)
BOTH = quick(lambda shift: (jax.jacfwd(best)(shift), jax.jacrev(best)(shift)))


@given(shift=INSIDE | WALLED)
def test_the_place_moves_as_it_says(shift: float) -> None:
    """To fourth order in a step of 0.02, as the search ends 1e-6 from the place, where chi^2 is 1e-12 higher."""
    step = 0.02
    near, far = BEST(shift + step) - BEST(shift - step), BEST(shift + 2 * step) - BEST(shift - 2 * step)
    for slope in BOTH(shift):
        np.testing.assert_allclose(slope, (8 * near - far) / (12 * step), atol=2e-4)


def lowest(shift):
    return minimum((KERNEL, DATA, start(shift), HELD))


LOWEST, SLOPE, CURVED = (quick(each) for each in (lowest, jax.grad(lowest), jax.grad(jax.grad(lowest))))


@given(shift=INSIDE)
def test_the_minimum_has_exact_derivatives(shift: float) -> None:
    step = 1e-3
    up, middle, down = LOWEST(shift + step), LOWEST(shift), LOWEST(shift - step)
    assert float(SLOPE(shift)) == pytest.approx(float(up - down) / (2 * step), rel=1e-5, abs=1e-5)
    assert float(CURVED(shift)) == pytest.approx(float(up + down - 2 * middle) / step**2, rel=1e-4, abs=1e-4)


def test_the_minimum_moves_with_data_and_constraints() -> None:
    """By the data, at the minimum, the slope is that of chi^2 itself; and the same for the constraints' centres."""
    y = BEST(1.3)
    moved = quick(jax.grad(lambda data: minimum((KERNEL, data, start(1.3), HELD))))(DATA)
    residuals = np.array([y[1] + 0.3 * y[2] ** 2 - 1.3, 2.0 * y[2] - 0.5 * 1.3 * y[1]])
    np.testing.assert_allclose(moved.observed[0][0], -2 * residuals, atol=1e-6)
    np.testing.assert_allclose(moved.centre[1:], -2 * np.asarray(y[1:]), atol=1e-6)


def test_many_at_once() -> None:
    shifts = jnp.linspace(-2.5, 2.5, 7)
    np.testing.assert_allclose(quick(jax.vmap(best))(shifts), [BEST(float(s)) for s in shifts], atol=1e-9)


@pytest.mark.parametrize(("number", "together"), [(12, 1), (12, 4), (12, 12), (7, 3), (2, 4)])
def test_a_queue_of_searches_is_each_search_by_itself(number: int, together: int) -> None:
    """Twelve searches, three for each of four sets of data; those beyond `number` are not begun."""
    rng = np.random.default_rng(0)
    sets = [Data((rng.normal(0.0, 0.5, (1, 2)),), rng.normal(0.0, 0.3, 3) * np.array([0.0, 1.0, 1.0])) for _ in "abcd"]
    data = jax.tree.map(lambda *leaves: jnp.stack(leaves), *sets)
    starts = jnp.stack([start(shift) for shift in np.linspace(-2.9, 5.5, 12)])
    held = jnp.tile(jnp.array([[True, False, False], [True, True, False], [True, False, True]]), (4, 1))
    one = quick(minimise)
    queue = quick(minimise_all, static_argnames="together")(KERNEL, data, starts, held, number, together=together)
    for i in range(number):
        alone = one(KERNEL, jax.tree.map(lambda leaf, i=i: leaf[i // 3], data), starts[i], held[i])
        np.testing.assert_allclose(queue.place[i], alone.place, rtol=1e-9, atol=1e-12)
        assert queue.steps[i] == alone.steps
        assert bool(queue.converged[i])
    assert not np.asarray(queue.steps[number:]).any()


@pytest.mark.parametrize("together", [1, 3])
def test_searches_that_follow_each_other(together: int) -> None:
    """Of five sets of data: the second search begins at a distance from the minimum of the first, the third does not.

    The last two sets have a start without a value, and begin where it is safe.
    """
    rng = np.random.default_rng(1)
    sets = [Data((rng.normal(0.0, 0.5, (1, 2)),), rng.normal(0.0, 0.3, 3) * np.array([0.0, 1.0, 1.0])) for _ in "abcde"]
    data = jax.tree.map(lambda *leaves: jnp.stack(leaves), *sets)
    held = np.array([[True, True, False], [True, False, False], [True, False, False]])
    starts = rng.normal(0.0, 0.5, (5, 3, 3))
    starts[:, 1, 0] = 0.0
    starts[3:, 0, 2] = np.nan
    onward, safe = np.array([False, True, False])[:, None] & np.ones(3, dtype=bool), np.array([9.0, 0.2, 0.1])
    found = quick(minimise_all, static_argnames="together")(
        KERNEL, data, starts.reshape(15, 3), np.tile(held, (5, 1)), 15, together=together,
        onward=np.tile(onward, (5, 1)), safe=safe,
    )  # fmt: skip
    one = quick(minimise)
    for i in range(5):
        own = jax.tree.map(lambda leaf, i=i: leaf[i], data)
        begins = starts[i].copy()
        begins[0] = np.where(np.isnan(begins[0]), safe, begins[0])
        first = one(KERNEL, own, begins[0], held[0])
        begins[1] += first.place
        for j in range(3):
            alone = one(KERNEL, own, begins[j], held[j])
            # Searches end 1e-12 above a minimum, and so within 1e-6 of its place.
            np.testing.assert_allclose(found.place[3 * i + j], alone.place, rtol=0, atol=1e-6)
            assert found.value[3 * i + j] == pytest.approx(float(alone.value), abs=1e-12)
            assert found.steps[3 * i + j] == alone.steps + (i >= 3 and j == 0)


def test_which_variables_are_held_is_an_array() -> None:
    """One program whatever is held; a start that is held may lie beyond the walls."""
    program = quick(lambda *arguments: minimise(*arguments))  # of its own: jit keeps the programs of one function
    for held in ([True, True, False], [True, False, True], [True, True, True], [False, False, False]):
        begin = np.array([3.0, 0.5, -0.4])
        found = program(KERNEL, DATA, begin, np.array(held))
        free = ~np.array(held)
        np.testing.assert_array_equal(np.asarray(found.place)[~free], begin[~free])

        def function(part, free=free, begin=begin):
            y = begin.copy()
            y[free] = part
            return valley(y[1:], y[0])

        least = minimize(function, begin[free], tol=1e-14).fun if free.any() else function(begin[free])
        assert float(found.value) <= least + 1e-9
    assert program._cache_size() == 1
    beyond = program(KERNEL, DATA, np.array([1.0, 3.0, 0.0]), np.array([True, True, False]))
    assert float(beyond.place[1]) == 3.0


def test_a_search_that_does_not_end_says_so() -> None:
    assert bool(FOUND(-3.0).converged)

    def slope(y):
        return Local(-y[0], -jnp.ones(1), jnp.eye(1), jnp.zeros((1, 1)))

    wall = jnp.full(1, jnp.inf)
    found = descend(slope, jnp.zeros(1), jnp.zeros(1, dtype=bool), -wall, wall)
    assert not bool(found.converged)
    assert int(found.steps) == MAX_STEPS


def test_a_start_without_a_value_ends_at_once() -> None:
    found = FOUND(np.inf)
    assert not bool(found.converged)
    assert not np.isfinite(found.value)
    assert int(found.steps) <= 2


@quick
def of_wells(start, low, high):
    """Search for the minimum of two wells along x, the deeper one at 2.2, and of a parabola along y."""

    def wells(point):
        x, y = point
        return (x**2 - 5.0) ** 2 / 10 - 0.5 * x + (y - 1.0) ** 2

    def function(point):
        curvature = jnp.abs(jnp.diag(jax.hessian(wells)(point)))
        return Local(wells(point), jax.grad(wells)(point), jnp.diag(curvature), jnp.zeros((2, 2)))

    return jax.vmap(lambda one: descend(function, one, jnp.zeros(2, dtype=bool), low, high))(start)


@pytest.mark.parametrize("bounds", [(-np.inf, np.inf), (-5.0, 5.0), (-5.0, np.inf), (-np.inf, 5.0), (-5.0, 1.5)])
def test_wells_within_all_kinds_of_bounds(bounds) -> None:
    starts = np.stack([np.linspace(-4.0, 4.0, 9), np.linspace(3.0, -3.0, 9)], axis=1)
    found = of_wells(np.clip(starts, *bounds), np.full(2, bounds[0]), np.full(2, bounds[1]))
    best = int(np.argmin(found.value))
    grid = np.linspace(max(bounds[0], -4.0), min(bounds[1], 4.0), 400001)
    heights = (grid**2 - 5.0) ** 2 / 10 - 0.5 * grid
    assert np.asarray(found.converged).all()
    assert float(found.value[best]) == pytest.approx(heights.min(), abs=1e-8)
    assert float(found.place[best, 0]) == pytest.approx(grid[np.argmin(heights)], abs=1e-4)
    assert ((found.place >= bounds[0]) & (found.place <= bounds[1])).all()


@quick
def of_a_form(form, there):
    """Search from the origin for the minimum of a quadratic form."""
    wall = jnp.full(there.shape, jnp.inf)

    def function(y):
        away = y - there
        return Local(away @ form @ away, 2 * form @ away, 2 * form, jnp.zeros_like(form))

    return descend(function, jnp.zeros(there.shape), jnp.zeros(there.shape, dtype=bool), -wall, wall)


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
@pytest.mark.parametrize("n", [3, 12])
def test_variables_of_any_size(n: int, scale: float) -> None:
    """They differ by orders of magnitude; few are solved for by elimination, many by a factorisation."""
    random = np.random.default_rng(n)
    matrix = random.normal(size=(n, n))
    matrix = matrix @ matrix.T + np.eye(n)
    units = scale * 10 ** random.uniform(-3, 3, n)
    there = units * random.normal(size=n)
    found = of_a_form(matrix / np.outer(units, units), there)
    np.testing.assert_allclose(np.asarray(found.place) / units, there / units, atol=1e-5)
    assert float(found.value) < 1e-9


def test_walls_do_not_hold_up_what_is_free() -> None:
    """A quadratic with strong correlations, its minimum far behind two walls: the least value within them, soon."""
    matrix = jnp.asarray([[1.0, 0.9, 0.5], [0.9, 1.0, 0.8], [0.5, 0.8, 1.0]])
    centre = jnp.asarray([40.0, -30.0, 25.0])
    low, high = jnp.asarray([-5.0, -5.0, -np.inf]), jnp.asarray([5.0, 5.0, np.inf])

    def function(y):
        away = matrix @ (y - centre)
        return Local((y - centre) @ away / 2, away, matrix, jnp.zeros((3, 3)))

    result = descend(function, jnp.zeros(3), jnp.zeros(3, dtype=bool), low, high)
    grid = np.linspace(-5.0, 5.0, 401)
    first, second = np.meshgrid(grid, grid, indexing="ij")
    third = 25.0 - (0.5 * (first - 40.0) + 0.8 * (second + 30.0))  # where the slope along it vanishes
    away = np.stack([first - 40.0, second + 30.0, third - 25.0])
    least = (away * np.tensordot(np.asarray(matrix), away, 1)).sum(axis=0).min() / 2
    assert float(result.value) == pytest.approx(least, rel=1e-9)
    assert int(result.steps) < 12
    assert bool(result.converged)


@quick
def of_a_ring(start):
    """Search a round valley that falls by 0.002 from its one end to the other: two couplings that enter squared."""
    wall = jnp.full(2, jnp.inf)

    def height(point):
        return 100 * (point @ point - 1) ** 2 + 1e-3 * point[0]

    def function(point):
        curvature = 800 * jnp.outer(point, point)
        return Local(height(point), jax.grad(height)(point), curvature, jax.hessian(height)(point) - curvature)

    return jax.vmap(lambda one: descend(function, one, jnp.zeros(2, dtype=bool), -wall, wall))(start)


def test_searches_follow_a_valley_that_bends() -> None:
    """Steps along it end on its slope. Were none followed from there, 100 steps would lead a tenth of the way."""
    angle = np.array([0.01, 0.1, 0.3, 1.0, 2.0, 3.0])
    found = of_a_ring(np.stack([np.cos(angle), np.sin(angle)], axis=1))
    (radius,) = (root for root in np.roots([400.0, 0.0, -400.0, -1e-3]).real if root > 0.9)
    assert np.asarray(found.converged).all()
    assert (np.asarray(found.steps) < 80).all()
    np.testing.assert_allclose(found.place, np.tile([-radius, 0.0], (6, 1)), atol=1e-4)


def test_searches_far_above_end_early() -> None:
    """Above `far` a thousandth of the height is left; below it all is as without."""

    def function(y):
        return Local(jnp.sum(y**4) + 1e4, 4 * y**3, jnp.diag(12 * y**2), jnp.zeros((1, 1)))

    start, held, wall = jnp.asarray([10.0]), jnp.zeros(1, dtype=bool), jnp.asarray([np.inf])
    exact, early, same = (descend(function, start, held, -wall, wall, far=far) for far in (np.inf, 0.0, 1e5))
    assert int(early.steps) < int(exact.steps) == int(same.steps)
    assert float(early.value) == pytest.approx(float(exact.value), rel=2e-3)
