"""What is kept of work while it runs, so that an interruption loses no finished block."""

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

from cevnsjax.errors import InputError
from cevnsjax.likelihood import Likelihood
from cevnsjax.provenance.record import plain
from cevnsjax.results import check_target, replace_file

__all__ = ["Checkpoint"]

OFTEN = 1.0
"""Seconds between two writings; work that takes less leaves no file behind, nor waits for one."""

SHARE = 20.0
"""How many times as long as a writing took the next one is put off: of much that is kept, writing takes no more."""

MAGIC = b"cevnsjax blocks 1\n"
"""Begins the file. Two lines of digests follow, of the rest of the file and of the request, then NumPy's own format."""


class Checkpoint:
    """A file beside a verb's result, named after it, with the results of the blocks that are finished.

    It belongs to one likelihood, one verb, and one request. `finished` has the results of earlier runs and of this one
    by the names of their blocks. Raises `InputError` where the file belongs to something else, or is not as it was
    written.
    """

    def __init__(self, out: Path, likelihood: Likelihood, verb: str, request: Mapping[str, object]):
        """Look for what an interrupted run has left behind."""
        self.path, self.verb = out.with_name(out.name + ".part"), verb
        check_target(self.path)
        self.identity = _identity(likelihood, verb, request)
        self.written = True
        self.finished: dict[str, np.ndarray] = {}
        self._next = time.monotonic() + OFTEN
        if self.path.exists():
            self.finished = self._read()

    def keep(self, name: str, result: np.ndarray) -> None:
        """Take a block's result, and write all that are finished unless that was done a moment ago.

        Raises `InputError` where the file cannot be written; the one before it stays, and `written` becomes False.
        """
        self.finished[name] = result
        if time.monotonic() >= self._next:
            self.write()

    def write(self) -> None:
        """Write what is finished; raises `InputError` as `keep` does."""
        begun = time.monotonic()
        body = io.BytesIO()
        np.savez(body, **self.finished)  # type: ignore[arg-type]
        content = self.identity.encode() + b"\n" + body.getvalue()
        self.written = False
        replace_file(self.path, MAGIC + hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
        self.written = True
        ended = time.monotonic()
        self._next = ended + max(OFTEN, SHARE * (ended - begun))

    def clear(self) -> None:
        """Remove the file: the work is done."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> dict[str, np.ndarray]:
        advice = "remove it, or choose another --out"
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise InputError(f"cannot read '{self.path}': {error.strerror}; {advice}") from error
        digest, _, content = content.removeprefix(MAGIC).partition(b"\n")
        identity, _, body = content.partition(b"\n")
        if digest.decode(errors="replace") != hashlib.sha256(content).hexdigest():
            raise InputError(f"'{self.path}' is no interrupted {self.verb}, or was altered: {advice}")
        if identity.decode(errors="replace") != self.identity:
            raise InputError(f"'{self.path}' is an interrupted {self.verb} of something else: {advice}")
        with np.load(io.BytesIO(body), allow_pickle=False) as blocks:
            return dict(blocks)


def _identity(likelihood: Likelihood, verb: str, request: Mapping[str, object]) -> str:
    """Return a digest of all that a result depends on: experiments, model, treatment of nuisances, version, request."""
    model = likelihood.model
    structure = re.sub(" at 0x[0-9a-f]+", "", str(jax.tree.structure(model)))  # addresses of functions
    names = [verb, model.name, model.digest, structure, version("cevnsjax")]
    names += [likelihood.channel, likelihood.systematics, likelihood.pull]
    contents = [experiment.digest() for experiment in likelihood.experiments]
    digest = hashlib.sha256(json.dumps([names, contents, plain(request)], sort_keys=True).encode())
    for leaf in jax.tree.leaves(model):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()
