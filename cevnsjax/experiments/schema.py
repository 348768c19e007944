"""A whole experiment file, checked key by key: cells, data, samples and nuisances."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from cevnsjax.experiments.ranges import (
    Days,
    Edge,
    Exposure,
    Finite,
    Mass,
    Name,
    NotNegative,
    Positive,
    Range,
    RunName,
    Sigma,
    Signal,
    Text,
    Width,
)
from cevnsjax.experiments.signal_schema import ResponseTable, TargetTable
from cevnsjax.experiments.source_schema import AnySource
from cevnsjax.experiments.tables import Table

__all__ = [
    "FORMAT",
    "AxisTable",
    "Description",
    "EvenEdges",
    "ExponentialTable",
    "FlatTable",
    "LineTable",
    "NuisanceTable",
    "RunTable",
    "SampleTable",
    "TabulatedTable",
]

FORMAT = 2

LEAST_FACTOR, LARGEST_FACTOR = 1e-9, 3.0
"""Limits of the standard deviation of a factor: one in per cent is a mistake of the unit."""


class EvenEdges(Table):
    """edges = { start, stop, bins }."""

    start: Edge
    stop: Edge
    bins: Annotated[int, Field(ge=1, le=100_000)]


class AxisTable(Table):
    """[[axes]]: the first one is the signal's; its edges may stand in the data's file."""

    name: Name
    unit: Text = ""
    edges: EvenEdges | Annotated[list[Edge], Field(min_length=2)] | None = None


class DetectorTable(Table):
    """[[detectors]]; of a source that counts protons, which measure the time, `live_days` are left out."""

    name: Text
    mass_kg: Mass
    live_days: Days | None = None
    threshold: Signal = 0.0


class DataTable(Table):
    """[data]; `per_energy` is in the first axis' unit."""

    file: Text
    term: Literal["gaussian", "poisson"] = "gaussian"
    per_kg: bool = False
    per_energy: Positive | None = None


class RunTable(Table):
    """[[runs]]: counts of one detector with the source on, and off.

    `edges` are those of a single axis, or lists for each of several. Nuisances that are each detector's own are shared
    by runs of one `detector`, by default the run's name. Without a `file` data are expected: of the Standard Model and
    all samples ("sm"), or of the samples alone ("background").
    """

    name: RunName
    detector: RunName | None = None
    on_kg_d: Exposure
    off_kg_d: Exposure | None = None
    edges: EvenEdges | dict[Text, Annotated[list[Edge], Field(min_length=2)]]
    file: Text | None = None
    expected: Literal["sm", "background"] | None = None


class _AnySample(Table):
    name: Name
    runs: list[Text] | None = None


class FlatTable(_AnySample):
    """kind = "flat"."""

    kind: Literal["flat"]
    rate_per_keV_kg_d: NotNegative
    tilt: Annotated[float, Range(-1.0, 1.0)] = 0.0


class ExponentialTable(_AnySample):
    """kind = "exponential"; it starts with the first bin if not said otherwise."""

    kind: Literal["exponential"]
    height_per_keV_kg_d: NotNegative
    decay: Width
    start: Signal | None = None


class FollowerTable(Table):
    """followers = [{ ... }]: a weaker line of the same decay."""

    name: RunName
    centre: Width
    width: Width | None = None
    ratio: NotNegative


class LineTable(_AnySample):
    """kind = "line"."""

    kind: Literal["line"]
    area_per_kg_d: NotNegative
    centre: Width
    width: Width
    followers: list[FollowerTable] = Field(default_factory=list)


class TabulatedTable(_AnySample):
    """kind = "table": a column of counts in each cell, over the run or per kg and day."""

    kind: Literal["table"]
    file: Text
    column: Text = "expected"
    per_kg_d: bool = False
    total: NotNegative | None = None
    factor: Annotated[float, Range(0.0, 1e6)] = 1.0


SampleTable = FlatTable | ExponentialTable | LineTable | TabulatedTable
AnySample = Annotated[SampleTable, Field(discriminator="kind")]


class MorphTable(Table):
    """morph = { SAMPLE = { up, down, column, down_column } }: tables at plus and minus one standard deviation.

    Or { SAMPLE = { axis } }: an axis of the grid of the sample's own tables.
    """

    axis: Text | None = None
    up: Text | None = None
    down: Text | None = None
    column: Text = "expected"
    down_column: Text | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "MorphTable":
        if (self.axis is None) == (self.up is None) or (self.axis is not None and self.down is not None):
            raise ValueError("give either up, and down if there is one, or the axis of the sample's grid")
        return self


class SignalTemplate(Table):
    """[signal]: counts of the signal in each cell, whatever the model says."""

    file: Text
    column: Text = "expected"


class NuisanceTable(Table):
    """[[nuisance]]: a name, a centre and a width (or free), and one kind of effect."""

    name: Name
    sigma: Sigma | None = None
    free: bool = False
    centre: Finite | None = None
    bounds: Annotated[list[Finite], Field(min_length=2, max_length=2)] | None = None
    scale: list[Text] = Field(default_factory=list)
    key: Text | None = None
    interpolation: Literal["exact", "parabola"] = "exact"
    morph: dict[Text, MorphTable] = Field(default_factory=dict)
    own: Literal["experiment", "detector", "run"] | None = None
    systematics: Annotated[list[Text], Field(min_length=1)] | None = None
    unit: Text | None = None
    latex: Text | None = None
    description: Text = ""

    @model_validator(mode="after")
    def _one_effect(self) -> "NuisanceTable":
        # Energy scales and yields change the signal and the tables of samples: such a key comes with a morph.
        both = self.key is not None and not self.key.startswith("sample.") and bool(self.morph)
        if sum((bool(self.scale), self.key is not None, bool(self.morph))) != (2 if both else 1):
            raise ValueError("it needs exactly one of scale, key, morph; or a key of the signal together with a morph")
        if self.interpolation == "parabola" and (self.key is None or self.sigma is None):
            raise ValueError("a parabola leads through the signal at plus and minus one sigma: give a key and a sigma")
        if self.free == (self.sigma is not None):
            raise ValueError("it needs either sigma, or free = true")
        if self.scale and self.sigma is not None and not LEAST_FACTOR <= self.sigma <= LARGEST_FACTOR:
            raise ValueError(
                f"the sigma of a factor lies from {LEAST_FACTOR:g} to {LARGEST_FACTOR:g}: write 0.1 for 10 %, not "
                f"{self.sigma:g}; or give free = true"
            )
        if self.scale and self.centre not in (None, 1.0):
            raise ValueError("the centre of a factor is 1; leave out centre")
        if len(set(self.scale)) < len(self.scale):
            raise ValueError("it scales a sample twice; name each once")
        if self.bounds is not None and not self.bounds[0] < self.bounds[1]:
            raise ValueError("its bounds must rise: give [LOW, HIGH]")
        return self


class CheckTable(Table):
    """[check]: chi-squared that this very file must give."""

    chi2: Finite
    chi2_at: dict[Text, Finite] = Field(default_factory=dict)
    systematics: Text = "default"


class Description(Table):
    """A whole file."""

    format: Literal[2]
    name: RunName
    title: Text
    reference: Text = ""
    version: Text = ""
    release: Text = ""
    cite: list[Text] = Field(default_factory=list)
    target: TargetTable
    source: AnySource
    axes: Annotated[list[AxisTable], Field(min_length=1)]
    response: ResponseTable
    signal: SignalTemplate | None = None
    detectors: list[DetectorTable] = Field(default_factory=list)
    data: DataTable | None = None
    runs: list[RunTable] = Field(default_factory=list)
    analyses: dict[Text, Annotated[list[Text], Field(min_length=1)]] = Field(default_factory=dict)
    sample: list[AnySample] = Field(default_factory=list)
    nuisance: list[NuisanceTable] = Field(default_factory=list)
    variants: dict[Text, dict[Text, Any]] = Field(default_factory=dict)
    warning: Text = ""
    check: CheckTable | None = None
