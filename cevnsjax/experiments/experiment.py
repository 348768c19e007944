"""An experiment: a signal, samples, nuisances and data in cells, as one description has them for one run."""

import dataclasses
import hashlib
import json
from typing import Any, Literal

import jax
import numpy as np
from jaxtyping import Array, Float, Int

from cevnsjax.arguments import array_of
from cevnsjax.display import html_table
from cevnsjax.experiments.cells import ENERGY_UNITS, Cells
from cevnsjax.experiments.effects import Nuisance
from cevnsjax.experiments.samples import Sample, formula_counts
from cevnsjax.experiments.signal import Signal
from cevnsjax.numeric import AnyArray, namespace
from cevnsjax.response import Bins

__all__ = ["HYPOTHESES", "Experiment", "Identity", "Term"]

Term = Literal["gaussian", "poisson"]

HYPOTHESES = {
    "sm": "of Standard Model and background",
    "background": "of the background alone",
    "values": "at given values",
}
"""What data may be expected of, in words."""


@dataclasses.dataclass(frozen=True)
class Identity:
    """The `name` and `title` of an experiment, and where it comes from.

    `reference` is the publication, `warning` a sentence for all that use its results. `run` and `detector` name a part
    of the experiment. `source` is the name or path that was given, with its part; `digest` is that of its files;
    `overrides` and `threshold` are those that were given; `combination` is the name and version of the combination that
    it was loaded with. `version` is that of the file's data, and `release` names the publication of data that it was
    made from.

    >>> cevnsjax.load_experiment("conus:C1R1").identity.run
    'C1R1'
    """

    name: str
    title: str
    reference: str = ""
    warning: str = ""
    run: str = ""
    detector: str = ""
    source: str = ""
    digest: str = ""
    overrides: tuple[tuple[str, Any], ...] = ()
    threshold: float | None = None
    combination: str = ""
    version: str = ""
    release: str = ""

    @property
    def label(self) -> str:
        """Name and run, with a colon between them."""
        return f"{self.name}:{self.run}" if self.run else self.name


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Experiment:
    """Everything that a description says of one run.

    `phases` is two for counts with the source on and off, else one. Arrays over "all" hold the cells with the source
    on, then those with the source off. `exposure` turns a rate of the signal [kg^-1 s^-1] into the data's `unit`,
    `detector_exposure` is the part of it that each of the `detectors` has, and `sample_exposure` [kg d] multiplies
    templates given per kg and day. `events_per_unit` turns counts in that unit into events. `first` is the response's
    bin of each of the `cells`: the bin along the first axis, or that along all axes which a matrix covers. `shape` is
    the probability of each cell's bins along some other axes, as a file has it; others follow from the source.
    `template` are counts of a signal that does not depend on the model.

    `observed` are the data. It is None where data are expected of a `hypothesis` (a key of HYPOTHESES): a likelihood
    makes them, of the experiment as it is then. `term` is "gaussian" or "poisson", and `sigma` are the errors of a
    Gaussian term. `samples` are templates beside the `signal`, and `nuisances` has them by sets of systematics.
    `sample_shift` moves formulas along the first axis, as the energy scale does. `public` tells whether there are real
    data. `identity` has name and origin.
    """

    identity: Identity
    signal: Signal
    cells: Cells
    phases: int
    first: Int[np.ndarray, " cells"]
    exposure: Float[np.ndarray, " all"]
    detectors: tuple[str, ...]
    detector_exposure: Float[np.ndarray, "detectors all"]
    sample_exposure: Float[np.ndarray, " all"]
    samples: tuple[Sample, ...]
    nuisances: dict[str, tuple[Nuisance, ...]]
    term: Term
    observed: Float[np.ndarray, " all"] | None
    sigma: Float[np.ndarray, " all"]
    unit: str
    events_per_unit: Float[np.ndarray, " all"]
    hypothesis: str = ""
    public: bool = True
    sample_shift: float = 0.0
    shape: Float[np.ndarray, " cells"] | None = None
    template: Float[np.ndarray, " all"] | None = None

    @property
    def name(self) -> str:
        """The experiment's name, without the run's."""
        return self.identity.name

    @property
    def label(self) -> str:
        """Name and run."""
        return self.identity.label

    @property
    def sets(self) -> tuple[str, ...]:
        """The names of the sets of systematics."""
        return tuple(self.nuisances)

    @property
    def size(self) -> int:
        """Number of cells, those of all phases."""
        return int(self.exposure.size)

    @property
    def kind_of_data(self) -> str:
        """Whether there are data, in words, or the hypothesis that they are expected of."""
        if self.observed is not None and not self.hypothesis:
            return "data"
        return f"expected {HYPOTHESES[self.hypothesis]}" if self.hypothesis else "no data"

    def _axes(self) -> str:
        """Return the axes as text: name, number of bins, ends and unit of each."""
        axes = self.cells.axes
        return ", ".join(f"{a.name} {a.size} bins, {a.low[0]:g} to {a.high[-1]:g} {a.unit}".rstrip() for a in axes)

    def __repr__(self) -> str:
        return (
            f"Experiment({self.label}: {self.size} cells ({self._axes()}), {self.term}, {self.kind_of_data}, "
            f"systematics {', '.join(self.sets)})"
        )

    def _repr_html_(self) -> str:
        counts = f"{self.size} in {self.unit}" + (", the source on and off" if self.phases == 2 else "")
        rows = [
            ("axes", self._axes()), ("cells", counts), ("term", self.term), ("data", self.kind_of_data),
            ("samples", ", ".join(["signal", *(sample.name for sample in self.samples)])),
            *((f"systematics {name}", ", ".join(n.name for n in members) or "none")
              for name, members in self.nuisances.items()),
            ("reference", self.identity.reference),
        ]  # fmt: skip
        return html_table([self.label, self.identity.title], [row for row in rows if row[1]])

    @property
    def keV(self) -> float:
        """The unit of the first axis in keV; one where it is no energy."""
        per_MeV = ENERGY_UNITS.get(self.cells.axes[0].unit)
        return 1.0 if per_MeV is None else 1e3 / per_MeV

    @property
    def ends(self) -> Float[np.ndarray, "2"]:
        """The ends of the first axis."""
        axis = self.cells.axes[0]
        return np.array([axis.low[0], axis.high[-1]])

    @property
    def note(self) -> str:
        """What a reader of any result must know of the data, "" where there is nothing to say."""
        warning = self.identity.warning
        if not self.hypothesis:
            return warning
        lead = f"what is expected {HYPOTHESES[self.hypothesis]} stands in"
        lead = f"{self.name}: {lead} for its data" if self.public else f"{self.name}: no data are public; {lead}"
        return "; ".join(filter(None, (lead, warning)))

    def profile(self, signal: Signal) -> Float[np.ndarray, "components cells"]:
        """Return the probability of each cell's bins beside the first axis, for each component.

        Components are those of the source of a `signal`.
        """
        found = np.ones((len(signal.components), self.cells.size))
        for number, axis in enumerate(self.cells.axes):
            for component, row in zip(signal.components, found, strict=True):
                if axis.name in component.profiles:
                    row *= component.profiles[axis.name][self.cells.index(number)]
        return found if self.shape is None else found * self.shape

    def cells_of(self, bins: Bins) -> Int[np.ndarray, " some"]:
        """Return the cells of all phases, in rising order, that some `bins` of the response have."""
        cells, _ = self._of_phase(bins)
        return np.concatenate([cells + phase * self.cells.size for phase in range(self.phases)])

    def _of_phase(self, bins: Bins) -> tuple[Int[np.ndarray, " some"], Int[np.ndarray, " some"]]:
        """Return the cells of one phase that some bins have, and which of these bins each of the cells has."""
        if isinstance(bins, slice):
            start, end = bins.start or 0, self.cells.size if bins.stop is None else bins.stop
            cells = np.flatnonzero((self.first >= start) & (self.first < end))
            return cells, self.first[cells] - start
        cells = np.flatnonzero(np.isin(self.first, bins))
        return cells, np.searchsorted(bins, self.first[cells])

    def in_cells(
        self,
        rates: Float[Array | np.ndarray, "components *n bins"],
        signal: Signal | None = None,
        bins: Bins = slice(None),
    ) -> Float[AnyArray, "*n some"]:
        """Return counts in the data's unit from each component's `rates` [kg^-1 s^-1] in the bins of the first axis.

        The profiles are those of `signal`, by default the experiment's own. Rates of some `bins` only give the counts
        in the cells that `cells_of` has for these.
        """
        cells, places = self._of_phase(bins)
        profile = self.profile(self.signal if signal is None else signal)[:, cells]
        spread = sum(one[..., places] * shares for one, shares in zip(rates, profile, strict=True))
        return self.exposure[self.cells_of(bins)] * namespace(spread).concatenate([spread] * self.phases, axis=-1)

    def sample_counts(self, sample: Sample) -> Float[np.ndarray, " all"]:
        """Return the counts of a template, the `sample`, in the data's unit, its numbers as they are."""
        if sample.table is not None:
            return sample.table * sample.numbers["factor"]
        numbers = np.array(list(sample.numbers.values()))
        low, high, ends = (edges - self.sample_shift for edges in (self.cells.low(), self.cells.high(), self.ends))
        rate = formula_counts(sample.kind, numbers, low, high, ends, self.keV)
        return self.sample_exposure * np.concatenate([rate * self.cells.share()] * self.phases)

    def background(self) -> Float[np.ndarray, " all"]:
        """Return the sum of all templates in the data's unit."""
        return sum((self.sample_counts(sample) for sample in self.samples), np.zeros(self.size))

    def with_data(self, observed: Float[np.ndarray, " all"], hypothesis: str = "") -> "Experiment":
        """Return the experiment with other data, `observed` in its unit.

        `hypothesis` is a key of HYPOTHESES where they are expected data. Raises `InputError` for anything but finite
        numbers in as many cells as there are.
        """
        data = array_of(observed, (self.size,), f"the data of {self.label}")
        return dataclasses.replace(self, observed=data, hypothesis=hypothesis)

    def with_signal(self, signal: Signal) -> "Experiment":
        """Return the experiment with another `signal`."""
        return dataclasses.replace(self, signal=signal)

    def digest(self) -> str:
        """Return a text that differs wherever a prediction or chi-squared may."""
        found = hashlib.sha256(json.dumps([self.identity.label, self.term, self.hypothesis, self.phases]).encode())
        parts = [
            self.signal.description.model_dump_json(),
            *(repr(dataclasses.asdict(n)) for s in self.nuisances.values() for n in s),
        ]
        for text in parts:
            found.update(text.encode())
        arrays = [
            self.exposure,
            self.sample_exposure,
            self.profile(self.signal),
            self.sigma,
            *(a.low for a in self.cells.axes),
        ]
        arrays += [a.high for a in self.cells.axes] + ([] if self.observed is None else [self.observed])
        arrays += [one for one in (self.shape, self.template) if one is not None]
        for sample in self.samples:
            arrays += [np.array(list(sample.numbers.values()))] + ([] if sample.table is None else [sample.table])
            arrays += [table for pair in sample.morphs.values() for table in pair]
            arrays += [] if sample.tables is None else [sample.tables, *sample.points.values()]
        arrays += [np.asarray(leaf) for leaf in jax.tree.leaves(self.signal.moments)]
        for array in arrays:
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()
