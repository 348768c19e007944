"""Searches where counts are no polynomial in what is free: a mass, a splitting, a user's own model.

The likelihood's own chi-squared is differentiated twice, nuisances minimised inside it, and Newton's damped steps
follow. One program serves all profiles, as for polynomials: what is held is an array. L-BFGS would be slower: of
searches side by side each waits for the longest line search.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cevnsjax.compilation import over_devices
from cevnsjax.inference.search import BATCH, Minima, Search, filled, rows_of
from cevnsjax.likelihood import Likelihood
from cevnsjax.likelihood.newton import Local, descend
from cevnsjax.parameters import Parameter
from cevnsjax.programs import options_of
from cevnsjax.spreading import Work

__all__ = ["GeneralSearch"]

LANES = 16
"""Searches that are done side by side; each holds the whole calculation of the signal."""


class _Coordinate:
    """One parameter's variable: a root or a logarithm, scaled, and how a real number is folded into its bounds."""

    def __init__(self, parameter: Parameter):
        low, high = parameter.bounds
        self.parameter, self.logarithmic = parameter, parameter.logarithmic and parameter.power is None
        if self.logarithmic:
            low, high = max(low, parameter.scale * 1e-9), min(high, parameter.scale * 1e9)
        self.low, self.high = float(self.of(low)), float(self.of(high))

    def of(self, value):  # type: ignore[no-untyped-def]
        """Return the variable of a value."""
        if self.logarithmic:
            return np.log(np.maximum(value, self.parameter.scale * 1e-9) / self.parameter.scale)
        scaled = np.asarray(value) / self.parameter.scale
        return scaled**2 if self.parameter.power == 2 else scaled

    def value(self, y):  # type: ignore[no-untyped-def]
        """Return the value of a variable, on NumPy's and JAX's arrays."""
        if self.logarithmic:
            xp = jnp if isinstance(y, jax.Array) else np
            return self.parameter.scale * xp.exp(y)
        if self.parameter.power == 2:
            xp = jnp if isinstance(y, jax.Array) else np
            # The root's slope is infinite at zero, where chi^2 has none in the coupling.
            return self.parameter.scale * xp.where(y > 0, y, 1e-300) ** 0.5
        return self.parameter.scale * y


class GeneralSearch(Search):
    """chi^2 of any free parameters, all given to the model itself."""

    def __init__(self, likelihood: Likelihood, free: Sequence[Parameter], values: Mapping[str, float]):
        """Take a likelihood, its free parameters, and the values of others."""
        self.likelihood, self.free, self.values = likelihood, tuple(free), dict(values)
        self._coordinates = {p.name: _Coordinate(p) for p in free}
        every = [self._coordinates[p.name] for p in free]
        self.low, self.high = np.array([c.low for c in every]), np.array([c.high for c in every])
        default = np.array([float(c.of(c.parameter.default)) for c in every])
        self.start = np.clip(default, self.low, self.high)
        self.searched = np.ones(len(every), dtype=bool)
        self._program = self._compiled()

    def _compiled(self) -> Callable[..., Minima]:
        def each(given: tuple[Array, Array], start: Float[Array, "lanes n"]) -> Minima:
            return jax.vmap(self._search, in_axes=(0, None, None))(start, *given)

        return jax.jit(lambda start, held, far: over_devices(each, (held, far), start), compiler_options=options_of(1))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_program", "gathering")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._program = self._compiled()

    def place(self, name: str) -> int:
        """Return the place of a parameter among the variables."""
        return [p.name for p in self.free].index(name)

    def variable(self, name: str, value: Float[np.ndarray, "*n"] | float) -> Float[np.ndarray, "*n"] | float:
        """Return the variable of a parameter's values."""
        return self._coordinates[name].of(value)

    def value(self, name: str, variable: Float[np.ndarray, "*n"] | float) -> Float[np.ndarray, "*n"] | float:
        """Return the parameter's values of a variable."""
        return self._coordinates[name].value(variable)

    def _chi2(self, y: Float[Array, " n"]) -> Float[Array, ""]:
        params = {p.name: self._coordinates[p.name].value(y[i]) for i, p in enumerate(self.free)}
        return self.likelihood.chi2({**self.values, **params})

    def _quadratic(self, y: Float[Array, " n"]) -> Local:
        """Return chi^2, its gradient, and its Hessian with all eigenvalues positive: a saddle is left downhill."""
        value, slope = jax.value_and_grad(self._chi2)(y)
        hessian = jax.jacfwd(jax.grad(self._chi2))(y)
        hessian = jnp.where(jnp.isfinite(hessian).all(), hessian, jnp.eye(y.size))
        scale = jnp.sqrt(jnp.maximum(jnp.abs(jnp.diag(hessian)), 1e-300))
        values, vectors = jnp.linalg.eigh(hessian / scale[:, None] / scale)
        positive = (vectors * jnp.abs(values)) @ vectors.T * scale[:, None] * scale
        value = jnp.where(jnp.isnan(value), jnp.inf, value)
        return Local(value, jnp.nan_to_num(slope), positive, jnp.zeros_like(positive))

    def _search(self, start: Float[Array, " n"], held: Bool[Array, " n"], far: Float[Array, ""]) -> Minima:
        low, high = jnp.asarray(self.low), jnp.asarray(self.high)
        found = descend(self._quadratic, jnp.where(held, start, jnp.clip(start, low, high)), held, low, high, far=far)
        return Minima(found.place, found.value, found.converged)  # type: ignore[arg-type]

    @property
    def batch(self) -> int:
        """Starts that one call of a program takes."""
        return LANES

    def searching(self) -> Work:
        """Return what searches from a batch; it has the likelihood itself."""
        return self._searched

    def _searched(self, batch: tuple[np.ndarray, list[int], float]) -> Float[np.ndarray, "lanes columns"]:
        start, hold, far = batch
        held = np.zeros(start.shape[1], dtype=bool)
        held[hold] = True
        return rows_of(self._program(filled(start, LANES), held, np.float64(far)), len(start))

    def nuisances(self, y: Float[np.ndarray, " n"]) -> dict[str, float]:
        """Return the values of all nuisances that are not given."""
        params = {p.name: float(self.value(p.name, y[i])) for i, p in enumerate(self.free)}
        best = self.likelihood.best_nuisances({**self.values, **params})
        return {name: float(value) for name, value in best.items() if name not in {**self.values, **params}}

    def acts(self, name: str) -> bool:
        """Return true: nothing is known of a parameter that is no coupling."""
        return True


assert BATCH % LANES == 0
