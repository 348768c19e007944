"""A page for each experiment and each combination, from their files; and one for each study that has been calculated.

Results are those of `cevnsjax reproduce`, in the folder that `cevnsjax_results` of the configuration names.
"""

import itertools
import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import written
from beside import HEADER, beside, studies_in
from experiment_figure import data_picture
from sphinx.application import Sphinx
from sphinx.config import Config

from cevnsjax.experiments import Experiment, combination_names, describe_combination, experiment_names, load_runs
from cevnsjax.likelihood import Likelihood
from cevnsjax.reproduce.markdown import table
from cevnsjax.resources import data_folder
from cevnsjax.results import nuisance_table

__all__ = ["setup"]

HOW = """No results were at hand when this site was built: the column *obtained* is empty. Run
`cevnsjax reproduce` in the checkout, or name the folder of results in the environment
variable `CEVNSJAX_RESULTS`, and build again."""

PARTS = {
    "Source": ("source",),
    "Target and response": ("target", "response"),
    "Axes, detectors and data": ("axes", "detectors", "data", "runs", "analyses", "signal"),
    "Samples": ("sample",),
    "Nuisances": ("nuisance",),
    "Variants": ("variants",),
}
"""Sections of a file, by the first word of their names, and what a page calls them."""


WITH = """along the first axis, all others added up, before a fit: constrained
nuisances stand at their centres, those without a constraint have the values that suit the data best."""

PREFIXES = {"conus_plus": "fig", "reactors": "reactor_"}
"""How names of a study's figures begin, where not with the study's own name."""


def _pages(app: Sphinx, config: Config) -> None:
    source = Path(app.srcdir)
    results = Path(os.environ.get("CEVNSJAX_RESULTS") or source.parent / "cevnsjax_results")
    studies = studies_in(results)
    names, combinations = list(experiment_names()), list(combination_names())
    contents: dict[str, str | bytes] = {f"{name}.md": _experiment(name, studies) for name in names}
    contents |= {f"{name}.png": data_picture(Likelihood(name)) for name in names}
    contents |= {name + ".md": _combination(name) for name in combinations}
    contents["index.md"] = _index(names, combinations)
    written.pages(source / "data", contents)
    written.pages(source / "results", _results(results, list(studies)))


def _index(names: Sequence[str], combinations: Sequence[str]) -> str:
    rows = []
    for name in names:
        runs = load_runs(name)
        about = runs[0].identity
        data = runs[0].kind_of_data if runs[0].observed is not None else "expected data"
        rows.append((f"[{name}]({name}.md)", about.title, data, _linked(about.reference)))
    joint = [(f"[{name}]({name}.md)", describe_combination(name).title) for name in combinations]
    return "\n\n".join(
        [
            "# Experiments",
            "A page for each experiment of the package: its data, its response, its systematics, and what was published"
            " beside what is obtained here. [Experiment files](../experiments.md) explains the files.",
            table(("name", "experiment", "data", "reference"), rows),
            "## Combinations",
            "Several experiments, and a statement of what they share.",
            table(("name", "combination"), joint),
            _toctree([*names, *combinations], hidden=True),
        ]
    )


def _linked(text: str) -> str:
    """Return a text with links from numbers of arXiv."""
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", text)


def _toctree(entries: Sequence[str], hidden: bool = False) -> str:
    return "\n".join(["```{toctree}", *([":hidden:"] if hidden else [":maxdepth: 1"]), "", *entries, "```"])


def _experiment(name: str, studies: dict[str, Any]) -> str:
    runs = load_runs(name)
    text = (data_folder() / name / "experiment.toml").read_text(encoding="utf-8")
    rows = beside(name, studies)
    blocks = [f"# {runs[0].identity.title}", f"`{name}`: {_linked(runs[0].identity.reference)}"]
    if notes := dict.fromkeys(run.note for run in runs if run.note):
        blocks.append(":::{note}\n" + "\n\n".join(notes) + "\n:::")
    blocks += [
        "## Data",
        table(("", *(run.label for run in runs)), _facts(runs)),
        f"![data and prediction]({name}.png)",
    ]
    blocks.append(f"The Standard Model's prediction beside the {runs[0].kind_of_data}, {WITH}")
    blocks += ["## Published and obtained"]
    if not rows:
        blocks.append("The package has no published numbers of this experiment.")
    else:
        blocks += [_linked(table(HEADER, rows)), *([] if studies else [HOW])]
    blocks += ["## Systematics", *_systematics(name, runs)]
    blocks += ["## The file", _head(text), *_sections(text)]
    blocks += ["## Use it", f"    cevnsjax predict {name}\n    cevnsjax fit {name}\n    cevnsjax nuisances {name}"]
    return "\n\n".join(blocks) + "\n"


def _facts(runs: Sequence[Experiment]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for axis in range(len(runs[0].cells.axes)):
        axes = [run.cells.axes[axis] for run in runs]
        ends = [f"{a.size} bins, {a.low[0]:g} to {a.high[-1]:g} {a.unit}".rstrip() for a in axes]
        rows.append((f"axis {axes[0].name}", *ends))
    counts = [run.size if run.phases == 1 else f"{run.size}, source on and off" for run in runs]
    rows.append(("cells", *(str(count) for count in counts)))
    rows.append(("unit", *(run.unit for run in runs)))
    rows.append(("term", *(run.term for run in runs)))
    rows.append(("data", *(run.kind_of_data if run.observed is not None else "expected data" for run in runs)))
    rows.append(("samples", *(", ".join(["signal", *(s.name for s in run.samples)]) for run in runs)))
    return rows


def _systematics(name: str, runs: Sequence[Experiment]) -> list[str]:
    blocks = []
    for chosen in runs[0].sets:
        rows = [
            (
                f"`{row['name']}`", f"{row['centre']:.6g}",
                row["width"] if isinstance(row["width"], str) else f"{row['width']:.4g}",
                row["unit"], row["effect"], row["description"],
            )
            for row in nuisance_table(Likelihood(name, systematics=chosen))
        ]  # fmt: skip
        blocks.append(f"### The set `{chosen}`")
        blocks.append(table(("name", "centre", "width", "unit", "effect", "reason"), rows))
    blocks.append(
        "In place of a width `free` says that nothing constrains the parameter and a fit minimises over it, `held` that"
        " it stays at its centre until it is set or freed. The file's comments, below, give the reasons."
    )
    return blocks


def _head(text: str) -> str:
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[1:].rstrip())
    return "What the comments say of the numbers:\n\n```text\n" + "\n".join(lines) + "\n```"


def _sections(text: str) -> list[str]:
    """Return the file's own words, comments included: each section begins with its table's header."""
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith("[")]
    for number, start in enumerate(starts):
        while lines[start - 1].startswith("#"):  # comments above a header belong to it
            start -= 1
        starts[number] = start
    named = {word: title for title, words in PARTS.items() for word in words}
    found: dict[str, list[str]] = {}
    for start, end in itertools.pairwise([*starts, len(lines)]):
        section = "\n".join(lines[start:end]).strip()
        word = re.findall(r"^\[+(\w+)", section, flags=re.MULTILINE)[0]
        found.setdefault(named.get(word, "Others"), []).append(section)
    blocks = []
    for title, parts in found.items():
        blocks.append(f"### {title}")
        blocks.append("```toml\n" + "\n\n".join(parts) + "\n```")
    return blocks


def _combination(name: str) -> str:
    path = data_folder() / "combinations" / f"{name}.toml"
    text = path.read_text(encoding="utf-8")
    members = [member["name"] for member in tomllib.loads(text)["experiment"]]
    links = ", ".join(f"[{member}]({member.partition(':')[0]}.md)" for member in members)
    return "\n\n".join(
        [
            f"# {describe_combination(name).title}",
            f"The combination `{name}` consists of {links}. [Combinations](../combinations.md) explains the file, which"
            " says what the experiments share and why:",
            f"```toml\n{text}```",
            "## Use it",
            f"    cevnsjax fit {name}\n    cevnsjax nuisances {name}",
        ]
    )


def _results(folder: Path, studies: Sequence[str]) -> dict[str, str | bytes]:
    """Return the studies' own pages with their figures, as `cevnsjax reproduce` wrote them."""
    head = (
        "# Published and obtained\n\n`cevnsjax reproduce` calculates these studies of published analyses again. Each"
        " page and each number in it is made by that command."
    )
    if not studies:
        return {"index.md": f"{head}\n\n{HOW}\n"}
    contents: dict[str, str | bytes] = {"index.md": f"{head}\n\n{_toctree(studies)}\n"}
    for study in studies:
        page = (folder / f"{study}.md").read_text(encoding="utf-8")
        mentioned = set(re.findall(r"`(\w+)`", page))
        figures = [
            path
            for path in sorted(folder.glob("*.png"))
            if path.stem in mentioned or path.stem.startswith(PREFIXES.get(study, f"{study}_"))
        ]
        contents |= {path.name: path.read_bytes() for path in figures}
        shown = "\n\n".join(f"### {path.stem}\n\n![{path.stem}]({path.name})" for path in figures)
        contents[f"{study}.md"] = f"{page}\n\n## Figures\n\n{shown}\n"
    return contents


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the pages before Sphinx looks for sources."""
    app.connect("config-inited", _pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
