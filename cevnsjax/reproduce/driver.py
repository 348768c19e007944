"""The run of the chosen studies: checked first, each written when it is done, and joined into one report."""

import contextlib
import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from cevnsjax.errors import InputError, unknown_name
from cevnsjax.figures import Overlay, read_overlay
from cevnsjax.provenance import provenance_of
from cevnsjax.reproduce.markdown import filled
from cevnsjax.reproduce.processes import check_processes, do_all, processes_for
from cevnsjax.reproduce.progress import progress
from cevnsjax.reproduce.queue import Queue, Task
from cevnsjax.reproduce.registry import STUDIES
from cevnsjax.reproduce.study import Study
from cevnsjax.reproduce.workspace import PARTS, Workspace
from cevnsjax.resources import data_folder, read_text
from cevnsjax.results import check_folder, check_target, replace_file, write_json

__all__ = ["reproduce"]

REPORT = "report"


def reproduce(
    out: Path | str,
    overlays: Sequence[Path | str] = (),
    only: Sequence[str] | None = None,
    processes: int | None = None,
) -> dict[str, Any]:
    """Calculate the chosen studies, write them into a folder, and return what `report.json` holds.

    `only` are the names of studies, by default all. Each study is written when it is done: its figures (PDF and PNG),
    its curves (NetCDF), `STUDY.json` and `STUDY.md`. Then `report.json` and `report.md` join all studies in the folder.
    A run that is cut leaves what it has calculated in `.parts` inside the folder; the next one with the same package
    and data goes on from there, and removes it at the end. `overlays` are CSV files with curves of others, drawn into
    the planes whose parameters they name.

    Steps are done in a number of `processes` side by side, this one and others; their number changes nothing in the
    results. By default it is one for each processor and study, but at most four; each takes some 0.7 GB.

    Raises `InputError` before any work for an unknown study, an overlay that cannot be read or belongs to no plane, a
    folder that cannot be written, and an impossible number of processes; and `CutOff` where a process dies.
    """
    check_processes(processes)
    out = Path(out)
    studies = _chosen(only)
    drawn = [_overlay(Path(path), studies) for path in overlays]
    _check_targets(out, studies)
    out.mkdir(exist_ok=True)
    identity = _identity([Path(path) for path in overlays])
    works = {study.name: Workspace(out, study.name, identity, drawn) for study in studies}
    request = {"overlays": list(overlays), "inputs": identity}
    _make(studies, works, processes_for(processes, len(studies)), request)
    report = _report(out, list(works))
    for workspace in works.values():
        workspace.clear()
    return report


def _make(studies: Sequence[Study], works: Mapping[str, Workspace], processes: int, request: Mapping[str, Any]) -> None:
    """Do all steps, and write each study when its steps are done."""
    steps = {study.name: study.steps() for study in studies}
    # Side by side the last studies, which are the longest, are begun first: short steps at the end keep all busy.
    queue = Queue(steps if processes == 1 else dict(reversed(steps.items())))
    unwritten = list(studies)

    def write_finished() -> None:
        for study in [study for study in unwritten if queue.finished(study.name)]:
            results = works[study.name].results
            content = study.compose({step.name: results[step.name] for step in steps[study.name]})
            origin = provenance_of(None, "reproduce", only=[study.name], **request)
            works[study.name].publish({**content, "provenance": origin}, filled(study.name, study.page(content)))
            unwritten.remove(study)

    with progress(sum(map(len, steps.values()))) as advance:

        def begin(task: Task) -> Workspace | None:
            workspace, step = works[task.study], task.step
            kept = workspace.finished(step.name)
            advance(f"{task.study}: {step.title}", kept)
            return None if kept else workspace.for_step(step.reads)

        def end(task: Task, result: Any) -> None:
            works[task.study].results[task.step.name] = result

        with contextlib.closing(do_all(queue, processes, begin, end)) as turns:
            for _ in turns:
                write_finished()


def _chosen(only: Sequence[str] | None) -> list[Study]:
    """Return the studies by name, each once, in the order of the report."""
    names = list(STUDIES) if only is None else [only] if isinstance(only, str) else list(only)
    if not names:
        raise InputError(f"no study given; give at least one of {', '.join(STUDIES)}")
    for name in names:
        if name not in STUDIES:
            raise unknown_name("study", str(name), STUDIES)
    return [study for name, study in STUDIES.items() if name in names]


def _overlay(path: Path, studies: Sequence[Study]) -> Overlay:
    """Return the curves of others in a file, which must be of a plane that is drawn."""
    curves = read_overlay(path)
    planes = [plane for study in studies for plane in study.planes]
    if (curves.x, curves.y) not in planes:
        known = " or ".join(dict.fromkeys(", ".join(plane) for plane in planes)) or "no parameters in these studies"
        raise InputError(f"'{path}' has curves of {curves.x}, {curves.y}; the planes are of {known}")
    return curves


def _check_targets(out: Path, studies: Sequence[Study]) -> None:
    """Raise `InputError` where the folder, or what is known of its files, cannot be written."""
    check_folder(out)
    if not out.is_dir():
        return
    parts = out / PARTS
    if parts.exists():
        check_folder(parts)
    for name in (*(study.name for study in studies), REPORT):
        for suffix in (".json", ".md"):
            check_target(out / f"{name}{suffix}")


def _identity(overlays: Sequence[Path]) -> str:
    """Return a digest of all that results depend on: package, data, overlays, and the version of JAX."""
    digest = hashlib.sha256(f"{_package()} {version('cevnsjax')} {jax.__version__}".encode())
    for path in overlays:
        digest.update(path.read_bytes())
    return digest.hexdigest()


@functools.cache
def _package() -> str:
    """Return the digest of the package's code and data."""
    root = Path(__file__).parents[1]
    files = [*root.rglob("*.py"), *(path for path in data_folder().rglob("*") if path.is_file())]
    digest = hashlib.sha256()
    for path in sorted(set(files)):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _report(out: Path, made: Sequence[str]) -> dict[str, Any]:
    """Join the studies that are in the folder; return the content of `report.json`."""
    contents, pages = {}, []
    for name in STUDIES:
        file, page = out / f"{name}.json", out / f"{name}.md"
        if name not in made and not (file.exists() and page.exists()):
            continue
        try:
            content = json.loads(read_text(file, "study"))
            about = content["provenance"]
            values = {"version": about["version"], "date": about["date"], "page": _demoted(read_text(page, "page"))}
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"'{file}' is no study that was written here: {error}; remove it") from error
        contents[name] = content
        pages.append(filled("report_study", values))
    report = {"studies": contents, "provenance": provenance_of(None, "reproduce", only=list(contents))}
    write_json(out / f"{REPORT}.json", report)
    replace_file(out / f"{REPORT}.md", filled(REPORT, {"studies": "\n".join(pages)}).encode())
    return report


def _demoted(page: str) -> str:
    """Return a page with all its headings one level lower."""
    return re.sub(r"^#", "##", page, flags=re.MULTILINE)
