"""[target] and [response] of an experiment file: what neutrinos meet and how a detector answers."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cevnsjax.experiments.ranges import (
    Finite,
    Positive,
    Range,
    Text,
    Width,
    one_of,
)
from cevnsjax.experiments.tables import Table
from cevnsjax.matter import ELECTRONS, FORM_FACTORS

__all__ = [
    "AnySmearing",
    "AnyYield",
    "EfficiencyTable",
    "PolynomialYield",
    "ProfileTable",
    "RecoilTable",
    "ResponseTable",
    "TabulatedYield",
    "TargetTable",
]


class TargetTable(Table):
    """[target]."""

    elements: Annotated[dict[Text, Positive], Field(min_length=1)]
    form_factor: Annotated[str, one_of(*FORM_FACTORS)] = "helm"
    electrons: Annotated[str, one_of(*ELECTRONS)] = "bound"
    radius_factor: Annotated[float, Range(0.0, 3.0)] = 1.0
    neutron_radius: Annotated[float, Range(1.6, 20.0)] | None = None


Shift = Annotated[float, Range(-10.0, 10.0)]
LOGISTIC = 4


def _check_components(components: list[list[float]], shifts: list[float], numbers: int) -> None:
    """Raise `ValueError` unless components have as many numbers as there are to shift, and each has its shift."""
    if any(len(row) != numbers for row in components):
        raise ValueError(f"each row of components has as many numbers as there are to shift, {numbers}")
    if len(shifts) != len(components):
        raise ValueError("give one of shifts for each row of components, 0.0 as a start")


class LindhardYield(Table):
    """yield = { kind = "lindhard", k = ... }."""

    kind: Literal["lindhard"]
    k: Annotated[float, Range(0.05, 0.4)]


class TabulatedYield(Table):
    """yield = { kind = "table", ... }: a file beside the description, or one of `data/quenching/`."""

    kind: Literal["table"]
    file: Text
    column: Text
    factor: Annotated[float, Range(0.2, 3.0)] = 1.0


class ConstantYield(Table):
    """yield = { kind = "constant", value = ... }."""

    kind: Literal["constant"]
    value: Annotated[float, Range(1e-4, 1.0)]


class LinearYield(Table):
    """yield = { kind = "linear", ... }: intercept + slope T."""

    kind: Literal["linear"]
    intercept: Annotated[float, Range(1e-4, 1.0)]
    slope_per_keV: Annotated[float, Range(-1.0, 1.0)]


class PolynomialYield(Table):
    """yield = { kind = "polynomial", ... }: visible energy [MeV] = sum_p a_p T^(p + 1), T in MeV.

    Each row of `components` is what one standard deviation adds to the coefficients, and `shifts` are the numbers of
    standard deviations, which nuisances move.
    """

    kind: Literal["polynomial"]
    coefficients: Annotated[list[Finite], Field(min_length=1)]
    components: list[list[Finite]] = Field(default_factory=list)
    shifts: list[Shift] = Field(default_factory=list)

    @model_validator(mode="after")
    def _alike(self) -> "PolynomialYield":
        _check_components(self.components, self.shifts, len(self.coefficients))
        return self


AnyYield = Annotated[
    LindhardYield | TabulatedYield | ConstantYield | LinearYield | PolynomialYield, Field(discriminator="kind")
]


class GaussianSmearing(Table):
    """smearing = { kind = "gaussian", ... }."""

    kind: Literal["gaussian"]
    noise: Width | None = None
    fano: Annotated[float, Range(0.0, 10.0)] = 0.0
    pair_energy: Annotated[float, Range(0.0, 1e6)] = 0.0
    relative: Annotated[float, Range(0.0, 10.0)] = 0.0
    relative_at_1_keV: Annotated[float, Range(0.0, 10.0)] = 0.0
    linear: Annotated[float, Range(0.0, 10.0)] = 0.0
    truncated: bool = False


class GammaSmearing(Table):
    """smearing = { kind = "gamma", ... }: shape 1 + b E."""

    kind: Literal["gamma"]
    shape_per_keV: Annotated[float, Range(1e-6, 1e6)]


class PoissonSmearing(Table):
    """smearing = { kind = "poisson" }."""

    kind: Literal["poisson"]


class NoSmearing(Table):
    """smearing = { kind = "none" }."""

    kind: Literal["none"]


AnySmearing = Annotated[GaussianSmearing | GammaSmearing | PoissonSmearing | NoSmearing, Field(discriminator="kind")]


class EfficiencyTable(Table):
    """efficiency = { file, against }, or a formula: { kind = "logistic", numbers, against }.

    The logistic curve is a / (1 + exp(-b (x - c))) + d for numbers = [a, b, c, d], and zero where that is negative;
    `components` and `shifts` are as those of a polynomial yield.
    """

    kind: Literal["table", "logistic"] = "table"
    file: Text | None = None
    numbers: list[Finite] = Field(default_factory=list)
    components: list[list[Finite]] = Field(default_factory=list)
    shifts: list[Shift] = Field(default_factory=list)
    against: Literal["mean", "reconstructed"] = "mean"

    @model_validator(mode="after")
    def _of_its_kind(self) -> "EfficiencyTable":
        if self.kind == "table" and (self.file is None or self.numbers or self.components or self.shifts):
            raise ValueError("a table of efficiencies needs a file, and nothing but `against` beside it")
        if self.kind == "logistic" and (self.file is not None or len(self.numbers) != LOGISTIC):
            raise ValueError("a logistic efficiency needs numbers = [a, b, c, d], and no file")
        if self.kind == "logistic" and (most := max(self.numbers[3], self.numbers[0] + self.numbers[3])) > 1:
            raise ValueError(f"the efficiency rises to {most:g}: give numbers whose d and a + d are at most 1")
        _check_components(self.components, self.shifts, len(self.numbers))
        return self


class ProfileTable(Table):
    """profile = { file, column, axes }: the probability of other axes' bins in each bin of the first one."""

    file: Text
    column: Text = "probability"
    axes: Annotated[list[Text], Field(min_length=1)]


class RecoilTable(Table):
    """[response.nuclear] and [response.electron]: a chain, or a matrix."""

    yield_: Annotated[AnyYield | None, Field(alias="yield")] = None
    yields: dict[Text, AnyYield] = Field(default_factory=dict)
    smearing: AnySmearing | None = None
    efficiency: EfficiencyTable | None = None
    matrix_file: Text | None = None
    matrix_axes: list[Text] = Field(default_factory=list)
    matrix_at: dict[Text, Finite] = Field(default_factory=dict)
    profile: ProfileTable | None = None

    @model_validator(mode="after")
    def _matrix_alone(self) -> "RecoilTable":
        parts = {"yield": self.yield_, "yields": self.yields, "smearing": self.smearing, "efficiency": self.efficiency}
        if self.matrix_file is not None and (given := [name for name, part in parts.items() if part]):
            raise ValueError(f"a matrix holds the whole response; leave out {', '.join(given)}")
        if self.matrix_file is None and (self.matrix_axes or self.matrix_at):
            raise ValueError("matrix_axes and matrix_at are of a matrix; give a matrix_file, or leave them out")
        if self.matrix_axes and self.profile is not None:
            raise ValueError("a matrix with axes has the profile along them; leave out profile or matrix_axes")
        return self


class ResponseTable(Table):
    """[response]; `shift` and `signal_per_keV` are of the first axis, whatever recoils.

    `efficiencies` are along other axes, by their names, of the signal alone.
    """

    shift: Annotated[float, Range(-1e6, 1e6)] = 0.0
    signal_per_keV: Annotated[float, Range(1e-6, 1e9)] | None = None
    nuclear: RecoilTable | Literal["none"]
    electron: RecoilTable | Literal["none"] | None = None
    efficiencies: dict[Text, EfficiencyTable] = Field(default_factory=dict)

    @property
    def profile(self) -> ProfileTable | None:
        """How nuclear recoils go over other axes, None where the file does not say."""
        return None if self.nuclear == "none" else self.nuclear.profile

    @property
    def matrix_axes(self) -> list[str]:
        """The axes beside the first that a matrix of nuclear recoils covers."""
        return [] if self.nuclear == "none" else self.nuclear.matrix_axes

    @model_validator(mode="after")
    def _of_use(self) -> "ResponseTable":
        nuclear, electron = self.nuclear, self.electron
        if nuclear == "none" and not isinstance(electron, RecoilTable):
            raise ValueError("a detector that sees no nuclear recoils needs the response to electrons")
        if isinstance(electron, RecoilTable) and (electron.yield_ is not None or electron.yields):
            raise ValueError("all energy of an electron is visible; leave out the yield of electron")
        if isinstance(electron, RecoilTable) and electron.matrix_axes:
            raise ValueError("matrix_axes are of nuclear recoils; leave them out of electron")
        if self.matrix_axes and isinstance(electron, RecoilTable):
            raise ValueError("a matrix of nuclear recoils with axes is none of electrons: give electron = 'none'")
        if isinstance(electron, RecoilTable) and electron.profile is not None:
            raise ValueError("a profile is of nuclear recoils; leave it out of electron")
        if nuclear != "none" and nuclear.profile is not None and electron != "none":
            raise ValueError("a profile of nuclear recoils is none of electrons: give electron = 'none'")
        if nuclear != "none" and nuclear.matrix_file is None and (nuclear.yield_ is None) == (not nuclear.yields):
            raise ValueError("nuclear needs a yield, or yields of each element, or a matrix_file")
        chains = [table for table in (nuclear, electron) if isinstance(table, RecoilTable) and not table.matrix_file]
        if not chains and (self.shift or self.signal_per_keV is not None):
            raise ValueError("a matrix holds the whole response; leave out shift and signal_per_keV")
        return self
