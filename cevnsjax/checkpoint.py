"""What is kept of a scan while it runs, so that an interruption loses no finished line."""

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float

from cevnsjax.errors import InputError
from cevnsjax.results import replace_file
from cevnsjax.statistics import Likelihood

__all__ = ["Checkpoint"]

OFTEN = 1.0
"""Seconds between two writings; a scan that takes less leaves no file behind, nor waits for one."""


class Checkpoint:
    """A file beside a scan's result, named after it, with chi^2 along the lines that are finished.

    It belongs to one likelihood and one request. Raises `InputError` where there is one of another.
    """

    def __init__(self, out: Path, likelihood: Likelihood, request: Mapping[str, object]):
        """Look for what an interrupted scan has left behind."""
        self.path = out.with_name(out.name + ".part")
        self.identity = _identity(likelihood, request)
        self.finished: Float[np.ndarray, "lines n"] | None = None
        self._last = time.monotonic()
        if self.path.exists():
            self.finished = self._read()

    def _read(self) -> Float[np.ndarray, "lines n"]:
        import xarray as xr

        try:
            with xr.open_dataset(self.path, engine="h5netcdf") as data:
                identity, chi2 = data.attrs.get("identity"), np.array(data["chi2"])
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"'{self.path}' is no interrupted scan: remove it, or choose another --out") from error
        if identity != self.identity:
            raise InputError(
                f"'{self.path}' is an interrupted scan of something else: remove it, or choose another --out"
            )
        return chi2

    def keep(self, chi2: Float[np.ndarray, "lines n"]) -> None:
        """Write the lines, NaN where they are not finished, unless that was done a moment ago."""
        if time.monotonic() - self._last < OFTEN:
            return
        import xarray as xr

        data = xr.Dataset({"chi2": (("line", "place"), chi2)}, attrs={"identity": self.identity})
        replace_file(self.path, bytes(data.to_netcdf(engine="h5netcdf")))
        self._last = time.monotonic()

    def clear(self) -> None:
        """Remove the file: the scan is done."""
        self.path.unlink(missing_ok=True)


def _identity(likelihood: Likelihood, request: Mapping[str, object]) -> str:
    """Return a text that differs wherever chi^2 may: by the likelihood's numbers and names, and by the request."""
    names = [*likelihood.names, likelihood.model.name, likelihood.channel, likelihood.systematics, likelihood.pull]
    digest = hashlib.sha256(json.dumps([names, dict(request)], sort_keys=True).encode())
    for leaf in jax.tree.leaves(likelihood):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()
