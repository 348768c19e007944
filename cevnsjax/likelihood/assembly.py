"""From experiments, signals and nuisances to a kernel: names become places, units become steps."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from cevnsjax.experiments import SHIFT, SIGNAL, Experiment, Nuisance, Sample
from cevnsjax.likelihood.kernel import Data, Kernel, Template, Term
from cevnsjax.likelihood.nuisances import JointNuisance
from cevnsjax.likelihood.shapes import Degrees, Moved
from cevnsjax.likelihood.signals import Expanded
from cevnsjax.parameters import NORM, Parameter
from cevnsjax.response import chebyshev_of, weights

__all__ = ["Layout", "assemble", "data_of", "moved_numbers"]


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
    """What the variables of a kernel are: couplings with their natural steps, then nuisances."""

    couplings: tuple[Parameter, ...]
    steps: Float[np.ndarray, " couplings"]
    nuisances: tuple[JointNuisance, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all variables, in order."""
        return (*(p.name for p in self.couplings), *(n.name for n in self.nuisances))

    def variable(self, name: str, value: Any) -> Any:
        """Return the variable of a parameter's value; works on arrays of NumPy and JAX."""
        for p, step in zip(self.couplings, self.steps, strict=True):
            if p.name == name:
                scaled = value / step
                return scaled * scaled if p.power == 2 else scaled
        nuisance = self.nuisance(name)
        return (value - nuisance.centre) / nuisance.step

    def value(self, name: str, y: Any) -> Any:
        """Return the parameter's value of a variable; inverse of `variable`."""
        for p, step in zip(self.couplings, self.steps, strict=True):
            if p.name == name:
                return step * (y**0.5 if p.power == 2 else y)
        nuisance = self.nuisance(name)
        return nuisance.centre + nuisance.step * y

    def nuisance(self, name: str) -> JointNuisance:
        """Return a nuisance by its name."""
        return next(n for n in self.nuisances if n.name == name)

    def place(self, name: str) -> int:
        """Return the place of a variable."""
        return self.names.index(name)

    def bounds(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Return the limits of all variables."""
        ends = []
        for which in (0, 1):
            couplings = []
            for p, step in zip(self.couplings, self.steps, strict=True):
                end = p.bounds[which] / step
                couplings.append(max(end, 0.0) ** 2 if p.power == 2 else end)
            nuisances = [(n.limits[which] - n.centre) / n.step for n in self.nuisances]
            ends.append(np.array([*couplings, *nuisances], dtype=float))
        return ends[0], ends[1]


def moved_numbers(index: int, nuisances: Sequence[JointNuisance]) -> tuple[Moved, ...]:
    """Return the numbers of an experiment's file that move its signal and are variables."""
    found = []
    for joint in nuisances:
        nuisance = joint.of(index)
        if nuisance is not None and nuisance.moves_signal:
            assert nuisance.key is not None
            through = (joint.centre, joint.step) if nuisance.parabola else None
            found.append(Moved(joint.name, nuisance.key, *joint.limits, through, nuisance.degree))
    return tuple(found)


def assemble(
    experiments: Sequence[Experiment],
    expanded: Sequence[Expanded],
    layout: Layout,
    integrated: bool,
    built: frozenset[str] = frozenset(),
) -> tuple[Kernel, list[list[int]]]:
    """Return the kernel, and which experiments stand in each of its groups.

    Nuisances that are `built` into the experiments have no effect left but their constraint.
    """
    terms = [
        _term(index, experiment, signal, layout, built)
        for index, (experiment, signal) in enumerate(zip(experiments, expanded, strict=True))
    ]
    groups: dict[object, list[int]] = {}
    for index, term in enumerate(terms):
        leaves, structure = jax.tree.flatten(term)
        groups.setdefault((structure, tuple(np.shape(leaf) for leaf in leaves)), []).append(index)
    stacked = []
    for members in groups.values():
        traced = any(isinstance(leaf, jax.Array) for i in members for leaf in jax.tree.leaves(terms[i]))
        stack = jnp.stack if traced else np.stack
        stacked.append(jax.tree.map(lambda *leaves, stack=stack: stack(leaves), *(terms[i] for i in members)))
    low, high = layout.bounds()
    pulled = np.array([False] * len(layout.couplings) + [n.sigma is not None for n in layout.nuisances], dtype=bool)
    closed = np.array(
        [False] * len(layout.couplings) + [_is_closed(n, experiments) for n in layout.nuisances], dtype=bool
    )
    kernel = Kernel(
        groups=tuple(stacked),
        weight=pulled.astype(float),
        closed=closed.astype(float),
        low=low,
        high=high,
        integrated=np.float64(integrated),
        couplings=len(layout.couplings),
    )
    return kernel, list(groups.values())


def data_of(experiments: Sequence[Experiment], groups: list[list[int]], size: int) -> Data:
    """Return the data of experiments in the order of a kernel's groups."""
    observed = tuple(
        np.stack([np.asarray(experiments[i].observed, dtype=float) for i in members]) for members in groups
    )
    return Data(observed, np.zeros(size))


def _is_closed(joint: JointNuisance, experiments: Sequence[Experiment]) -> bool:
    return joint.closed and experiments[joint.members[0][0]].term == "gaussian"


def _term(index: int, experiment: Experiment, signal: Expanded, layout: Layout, built: frozenset[str]) -> Term:
    """Return one experiment's term, without a leading axis."""
    size = len(layout.names)
    every = [
        (len(layout.couplings) + i, joint, n)
        for i, joint in enumerate(layout.nuisances)
        if (n := joint.of(index)) is not None
    ]
    here = [one for one in every if one[1].name not in built]
    # What is built into the signal morphs tables all the same.
    morphs = [one for one in every if one[2].morph]
    shapes = [(i, joint) for i, joint, n in here if n.moves_signal]
    on_signal = [(i, joint) for i, joint, n in here if SIGNAL in n.scale]
    strength = [(i, joint) for i, joint in on_signal if _is_strength(joint, experiment)]
    closed = [(i, joint) for i, joint in on_signal if joint.closed and experiment.term == "gaussian"]
    factors = [pair for pair in on_signal if pair not in strength and pair not in closed]
    ranges = [joint.limits for _, joint in shapes]
    half = np.array([(high - low) / 2 for low, high in ranges])
    middle = np.array([(high + low) / 2 for low, high in ranges])
    centre = np.array([joint.centre for _, joint in shapes])
    templates = tuple(_template(sample, experiment, here, morphs, size) for sample in experiment.samples)
    own = sorted({*range(len(layout.couplings)), *(i for i, *_ in [*here, *morphs])})
    return Term(
        kind=experiment.term,
        degrees=signal.degrees,
        coefficients=signal.coefficients,
        shape_index=_integers(i for i, _ in shapes),
        shape_offset=(centre - middle) / half,
        shape_slope=np.array([joint.step for _, joint in shapes]) / half,
        strength=np.float64(strength[0][1].centre if strength else 1.0),
        strength_index=np.array([strength[0][0] if strength else size]),
        strength_step=np.array([strength[0][1].step if strength else 0.0]),
        factor_index=_integers(i for i, _ in factors),
        factor_sigma=np.array([joint.step for _, joint in factors]),
        closed_index=_integers(i for i, _ in closed),
        closed_sigma=np.array([joint.step for _, joint in closed]),
        templates=templates,
        sigma=experiment.sigma,
        own=_integers(own),
    )


def _is_strength(joint: JointNuisance, experiment: Experiment) -> bool:
    """Whether a factor is the strength of the signal that no constraint ties to one: it multiplies all others."""
    return joint.sigma is None and joint.members[0][1].name == NORM.name


def _template(
    sample: Sample,
    experiment: Experiment,
    here: Sequence[tuple[int, JointNuisance, Nuisance]],
    morphing: Sequence[tuple[int, JointNuisance, Nuisance]],
    size: int,
) -> Template:
    prefix = f"sample.{sample.name}."
    moving = {n.key.removeprefix(prefix): (i, joint) for i, joint, n in here if n.key and n.key.startswith(prefix)}
    numbers, index, steps = [], [], []
    for name, value in sample.numbers.items():
        i, joint = moving.get(name, (size, None))
        numbers.append(value if joint is None else joint.centre)
        index.append(i)
        steps.append(0.0 if joint is None else joint.step)
    factors = [(i, joint.step) for i, joint, n in here if sample.name in n.scale]
    shifts = [(i, joint) for i, joint, n in here if n.key == SHIFT]
    along = {n.name: (i, joint) for i, joint, n in morphing if n.name in sample.points}
    morphs = [(i, sample.morphs[n.name]) for i, _, n in morphing if sample.name in n.morph and n.name in sample.morphs]
    table = np.zeros(0) if sample.table is None else sample.table
    degrees, tables = _polynomial(sample, tuple(along))
    ends = [(sample.points[name][0], sample.points[name][-1]) for name in sample.points if name in along]
    half = np.array([(high - low) / 2 for low, high in ends])
    linear = np.array([(up - down) / 2 for _, (up, down) in morphs]).reshape(len(morphs), table.size)
    square = np.array([(up + down) / 2 - table for _, (up, down) in morphs]).reshape(len(morphs), table.size)
    cells, formula = experiment.cells, sample.table is None
    own_shift = experiment.signal.description.response.shift
    return Template(
        kind=sample.kind,
        numbers=np.array(numbers),
        index=np.array(index),
        steps=np.array(steps),
        factor_index=_integers(i for i, _ in factors),
        factor_sigma=np.array([step for _, step in factors]),
        low=np.tile(cells.low(), experiment.phases) if formula else np.zeros(0),
        high=np.tile(cells.high(), experiment.phases) if formula else np.zeros(0),
        weight=experiment.sample_exposure * np.tile(cells.share(), experiment.phases) if formula else np.zeros(0),
        degrees=degrees,
        tables=tables,
        grid_index=_integers(along[name][0] for name in sample.points if name in along),
        grid_offset=-np.array([(high + low) / 2 for low, high in ends]) / half,
        grid_slope=1 / half,
        ends=experiment.ends,
        keV=np.float64(experiment.keV),
        shift_index=_integers(i for i, _ in shifts),
        shift_step=np.array([joint.step for _, joint in shifts]),
        shift=np.float64(shifts[0][1].centre - own_shift if shifts else experiment.sample_shift),
        morph_index=_integers(i for i, _ in morphs),
        morph_linear=linear,
        morph_square=square,
    )


def _polynomial(sample: Sample, moved: Sequence[str]) -> tuple[Degrees, Float[np.ndarray, "terms cells"]]:
    """Return a sample's tables as a polynomial in the nuisances that move along its grid: one table without a grid."""
    if sample.tables is None:
        return ((),), np.zeros((1, 0)) if sample.table is None else sample.table[None]
    # Nuisances that this set of systematics leaves out stay at zero.
    tables, names = sample.tables, list(sample.points)
    for number in reversed([i for i, name in enumerate(names) if name not in moved]):
        tables = np.tensordot(weights(sample.points[names[number]], 0.0, names[number]), tables, (0, number))
    return chebyshev_of(tables, {name: places for name, places in sample.points.items() if name in moved})


def _integers(numbers: Iterable[int]) -> Int[np.ndarray, " n"]:
    return np.array(list(numbers), dtype=int)
