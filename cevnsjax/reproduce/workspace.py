"""Where the steps of a study work: what they calculate is kept, so that a run that was cut goes on."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cevnsjax.errors import InputError
from cevnsjax.figures import Overlay, save
from cevnsjax.likelihood import Likelihood
from cevnsjax.provenance import answer, provenance_of
from cevnsjax.results import replace_file, write_json, write_netcdf

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["PARTS", "Workspace"]

PARTS = ".parts"
"""The folder inside the output folder that holds what is finished, as long as a run is not."""


class Workspace:
    """A study's own folder among the parts of a run.

    Each step leaves its curves and figures there, and a record NAME.json: its result, the names and digests of its
    files, and the identity of all that it depends on. `results` are those of the steps that are done, by name; for a
    step, those that it reads.
    """

    def __init__(self, out: Path, study: str, identity: str, overlays: Sequence[Overlay] = ()):
        """Open the folder `out/.parts/study`, which is made where it is missing.

        Raises `InputError` where it cannot be made.
        """
        self.out, self.folder, self.identity = out, out / PARTS / study, identity
        self.overlays = tuple(overlays)
        self.results: dict[str, Any] = {}
        self._files: list[str] = []
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make the folder '{self.folder}': {error.strerror}") from error

    # For steps.

    def answer(self, likelihood: Likelihood, verb: str, **request: Any) -> tuple[Any, dict[str, Any]]:
        """Return the result of a verb, `profile` for instance, and its provenance, from which it can be run again."""
        return answer(likelihood, verb, request), provenance_of(likelihood, verb, **request)

    def curve(self, name: str, dataset: "xr.Dataset") -> None:
        """Save a curve as NetCDF."""
        path = self.folder / f"{name}.nc"
        write_netcdf(path, dataset)
        self._files.append(path.name)

    def plain_curve(self, name: str, dataset: "xr.Dataset", likelihood: Likelihood) -> None:
        """Save a curve that no verb has given, with the notes on the likelihood's data and its provenance."""
        origin = provenance_of(likelihood, "reproduce", curve=name)
        about = {"notes": "; ".join(likelihood.notes), "provenance": json.dumps(origin)}
        self.curve(name, dataset.assign_attrs(about))

    def figure(
        self, name: str, figure: "Figure", likelihood: Likelihood, made_of: Mapping[str, Any] | None = None
    ) -> None:
        """Save a figure as PDF and PNG, under the notes on the likelihood's data.

        Its provenance is `made_of`, or says which figure of which likelihood it is.
        """
        origin = provenance_of(likelihood, "reproduce", figure=name) if made_of is None else made_of
        self._files += [path.name for path in save(figure, self.folder / name, likelihood.notes, origin)]

    # For the driver.

    def for_step(self, reads: Sequence[str]) -> "Workspace":
        """Return a workspace in the same folder for one step, with the results that it reads."""
        workspace = Workspace(self.out, self.folder.name, self.identity, self.overlays)
        workspace.results = {name: self.results[name] for name in reads}
        return workspace

    def finished(self, step: str) -> bool:
        """Return whether an earlier run has done a step with the same inputs, and its files are as it left them.

        Its result is then among `results`.
        """
        try:
            record = json.loads((self.folder / f"{step}.json").read_text(encoding="utf-8"))
            if record["identity"] != self.identity:
                return False
            for name, digest in record["files"].items():
                if digest not in (_digest(folder / name) for folder in (self.folder, self.out)):
                    return False
            self.results[step] = record["result"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False
        return True

    def keep(self, step: str, result: Any) -> None:
        """Keep what a step has returned, with the files that it has saved."""
        files = {name: _digest(self.folder / name) for name in self._files}
        self._files = []
        record = {"identity": self.identity, "files": files, "result": result}
        write_json(self.folder / f"{step}.json", record)
        self.results[step] = json.loads(json.dumps(result))

    def publish(self, content: Mapping[str, Any], page: str) -> None:
        """Move figures and curves into the output folder, and write the study's JSON and its page there.

        The records of the steps stay until `clear`: a run that is cut here does not calculate anything again. Raises
        `InputError` where a file cannot be moved.
        """
        records = [json.loads((self.folder / f"{step}.json").read_text(encoding="utf-8")) for step in self.results]
        for name in (name for record in records for name in record["files"]):
            if (self.folder / name).exists():
                _move(self.folder / name, self.out / name)
        study, moved = self.folder.name, self.folder / "moved"
        moved.mkdir(exist_ok=True)
        write_json(moved / f"{study}.json", content)
        replace_file(moved / f"{study}.md", page.encode())
        for suffix in (".json", ".md"):
            _move(moved / f"{study}{suffix}", self.out / f"{study}{suffix}")

    def clear(self) -> None:
        """Remove the study's folder, and that of the parts if it is empty now."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError as error:
        raise InputError(f"cannot write '{target}': {error.strerror}; what is calculated is kept") from error


def _digest(path: Path) -> str:
    """Return the digest of a file, "" where there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
