"""What is kept of a scan while it runs, so that an interruption loses no finished line."""

import hashlib
import io
import json
import re
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float

from cevnsjax.errors import InputError
from cevnsjax.likelihood import Likelihood
from cevnsjax.provenance.record import plain
from cevnsjax.results import check_target, replace_file

__all__ = ["Checkpoint"]

OFTEN = 1.0
"""Seconds between two writings; a scan that takes less leaves no file behind, nor waits for one."""

MAGIC = b"cevnsjax scan 1\n"
"""Begins the file. Two lines of digests follow, of the rest of the file and of the request, then NumPy's own format."""


class Checkpoint:
    """A file beside a scan's result, named after it, with chi^2 along the lines that are finished.

    It belongs to one likelihood and one request. `finished` is what an earlier run has left, or None. Raises
    `InputError` where the file belongs to another likelihood or request, or is not as it was written.
    """

    def __init__(self, out: Path, likelihood: Likelihood, request: Mapping[str, object]):
        """Look for what an interrupted scan has left behind."""
        self.path = out.with_name(out.name + ".part")
        check_target(self.path)
        self.identity = _identity(likelihood, request)
        self.written = True
        self.finished: Float[np.ndarray, "lines n"] | None = None
        self._last = time.monotonic()
        if self.path.exists():
            self.finished = self._read()

    def keep(self, chi2: Float[np.ndarray, "lines n"]) -> None:
        """Write the lines, NaN where they are not finished, unless that was done a moment ago.

        Raises `InputError` where the file cannot be written; the one before it stays, and `written` becomes False.
        """
        if time.monotonic() - self._last < OFTEN:
            return
        body = io.BytesIO()
        np.save(body, chi2, allow_pickle=False)
        content = self.identity.encode() + b"\n" + body.getvalue()
        self.written = False
        replace_file(self.path, MAGIC + hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
        self.written = True
        self._last = time.monotonic()

    def clear(self) -> None:
        """Remove the file: the scan is done."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> Float[np.ndarray, "lines n"]:
        advice = "remove it, or choose another --out"
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise InputError(f"cannot read '{self.path}': {error.strerror}; {advice}") from error
        digest, _, content = content.removeprefix(MAGIC).partition(b"\n")
        identity, _, body = content.partition(b"\n")
        if digest.decode(errors="replace") != hashlib.sha256(content).hexdigest():
            raise InputError(f"'{self.path}' is no interrupted scan, or was altered: {advice}")
        if identity.decode(errors="replace") != self.identity:
            raise InputError(f"'{self.path}' is an interrupted scan of something else: {advice}")
        return np.load(io.BytesIO(body), allow_pickle=False)


def _identity(likelihood: Likelihood, request: Mapping[str, object]) -> str:
    """Return a digest of all that chi^2 depends on: experiments, model, treatment of nuisances, version, request."""
    model = likelihood.model
    structure = re.sub(" at 0x[0-9a-f]+", "", str(jax.tree.structure(model)))  # addresses of functions
    names = [model.name, model.digest, structure, version("cevnsjax")]
    names += [likelihood.channel, likelihood.systematics, likelihood.pull]
    contents = [experiment.digest() for experiment in likelihood.experiments]
    digest = hashlib.sha256(json.dumps([names, contents, plain(request)], sort_keys=True).encode())
    for leaf in jax.tree.leaves(model):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()
