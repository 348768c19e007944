"""A flux from a table of one's own: one column of a CSV file for each flavour."""

from collections.abc import Mapping
from pathlib import Path

import equinox as eqx
import numpy as np
from jaxtyping import Float

from cevnsjax.errors import InputError
from cevnsjax.flavours import Flavour
from cevnsjax.numeric import AnyArray, namespace
from cevnsjax.resources import read_table
from cevnsjax.sources.base import Continuum

__all__ = ["TabulatedFlux", "tabulated_flux"]

SHARP, MOST_CORNERS = 0.05, 64
"""A corner is sharp if the slope changes by this much of the largest change; more than so many are not sharp ones."""


class TabulatedFlux(Continuum):
    """phi(E) of one `flavour`, linear between the table's energies `edges` [MeV] and zero beyond, times a `scale`.

    `flux` [cm^-2 s^-1 MeV^-1] are its values there; `baseline` [cm] and `profiles` are those of any `Component`.
    """

    edges: Float[AnyArray, " edges"]
    flux: Float[AnyArray, " edges"]
    scale: Float[AnyArray, ""] | float
    baseline: float
    flavour: Flavour = eqx.field(static=True)
    profiles: Mapping[str, Float[np.ndarray, " bins"]]

    def density(self, energy: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return phi(E) [cm^-2 s^-1 MeV^-1]."""
        xp = namespace(energy, self.flux)
        return self.scale * xp.interp(energy, self.edges, self.flux, left=0.0, right=0.0)

    @property
    def corners(self) -> Float[np.ndarray, " corners"]:
        """Return the energies [MeV] of sharp corners.

        A flux with very many has corners everywhere, as a spectrum in fine bins does, and none that matters by itself.
        """
        energy, flux = np.asarray(self.edges), np.asarray(self.flux)
        slopes = np.diff(flux) / np.diff(energy)
        bend = np.abs(np.diff(np.concatenate([[0.0], slopes, [0.0]])))
        sharp = np.flatnonzero(bend >= SHARP * bend.max())
        return energy[sharp] if sharp.size <= MOST_CORNERS else np.zeros(0)


def tabulated_flux(
    path: Path,
    column: str,
    flavour: Flavour,
    baseline: float,
    scale: float = 1.0,
    profiles: Mapping[str, Float[np.ndarray, " bins"]] | None = None,
) -> TabulatedFlux:
    r"""Return a component from the columns `energy_MeV` and `column` [cm^-2 s^-1 MeV^-1] of a CSV file at `path`.

    `flavour`, `baseline` [cm] and `profiles` are those of any `Component`; `scale` multiplies the flux. Raises
    `InputError` where energies do not rise, or a flux is negative.

    >>> from pathlib import Path
    >>> from cevnsjax.flavours import NU_E_BAR
    >>> from cevnsjax.sources import tabulated_flux, total_flux
    >>> size = Path("flux.csv").write_text("energy_MeV,nu_e_bar\n0,0\n2,3e12\n8,0\n")
    >>> f"{total_flux(tabulated_flux(Path('flux.csv'), 'nu_e_bar', NU_E_BAR, 2070.0)):.1e}"
    '1.2e+13'
    """
    table = read_table(path, ("energy_MeV", column))
    energy, flux = table["energy_MeV"], table[column]
    if energy.size < 2 or not (np.isfinite(energy).all() and (np.diff(energy) > 0).all() and energy[0] >= 0):
        raise InputError(f"'{path}': energy_MeV must not be negative, and rise from row to row")
    if not (np.isfinite(flux).all() and (flux >= 0).all()):
        raise InputError(f"'{path}': the flux '{column}' must be finite and not negative")
    return TabulatedFlux(
        edges=energy, flux=flux, scale=scale, baseline=baseline, flavour=flavour, profiles=dict(profiles or {})
    )
