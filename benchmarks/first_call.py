"""The first call of each verb as a whole process of the command line: seconds and compiled programs.

Each command runs with an empty cache folder (cold), and again with the folder that it filled. The rival is a bare
`import jax`, which every program that uses JAX waits for. The output must not depend on the cache, and the number of
programs not on the run.
"""

import dataclasses
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import row
from benchmarks.process import Measured, import_jax_s, measured

__all__ = ["COMMANDS", "Command", "run"]


@dataclasses.dataclass(frozen=True)
class Command:
    """A command, and its aims: seconds cold, seconds with a filled cache, and number of programs."""

    what: str
    words: tuple[str, ...]
    cold_s: float | None = None
    filled_s: float | None = None
    programs: int | None = None


PLANE = ("--x", "m_z", "1e-2", "1e3", "21", "--y", "g_bl", "1e-7", "1e-1", "21")
FREE_K = ("--free", "sin2_theta_w,quenching_k")
COMMANDS = (
    Command("predict", ("predict", "conus_plus"), 2.0, 1.3, 5),
    Command("fit of one coupling", ("fit", "conus_plus"), 3.5, 2.0, 12),
    Command("fit of three couplings", ("fit", "conus_plus", "--model", "charge_radius"), 5.0, 2.0, 12),
    Command("first limit of conus:cevns", ("fit", "conus:cevns", "--free", "norm"), 8.0, 3.0, 12),
    Command(
        "scan with six nuisances",
        ("scan", "conus_plus", "--model", "vector_bl", "--systematics", "detailed", *PLANE), 5.0,
    ),
    Command("fit with a free quenching_k", ("fit", "conus_plus", *FREE_K), 5.0, 2.0, 12),
    Command("joint fit", ("fit", "conus_plus", "conus", "dresden2"), 15.0, 5.0, 12),
    Command("profile", ("profile", "conus_plus", "--over", "sin2_theta_w")),
    Command("sample", ("sample", "conus_plus", "--out", "draws.nc")),
    Command(
        "feldman-cousins, 7 points, 500 toys",
        ("feldman-cousins", "conus_plus", "--x", "sin2_theta_w", "0.1", "0.4", "7", "--toys", "500"),
    ),
    Command("significance, 2000 toys", ("significance", "conus_plus", "--toys", "2000")),
    Command("project", ("project", "conus_plus", "--over", "sin2_theta_w", "--exposure", "1", "100", "3")),
)  # fmt: skip
QUICK = ("predict", "fit of one coupling", "sample")
"""What a smoke test runs."""

REPRODUCE = Command("reproduce", ("reproduce", "--out", "paper"), 240.0, 90.0)
REPRODUCE_BYTES = 1.5e9


def run(quick: bool, reproduce: bool = False) -> dict[str, Any]:
    """Return seconds and programs of each command, cold and with a filled cache."""
    repeats = 1 if quick else 3
    rival = statistics.median(import_jax_s() for _ in range(repeats))
    chosen = [one for one in COMMANDS if not quick or one.what in QUICK]
    commands, rows = {}, []
    for one in chosen:
        cold, filled = both(one, repeats)
        commands[one.what] = {"words": one.words, "cold": summary(cold), "filled": summary(filled)}
        rows += rows_of(one, commands[one.what], rival)
        print(f"  {one.what}: {rows[-2]['value']}, then {rows[-1]['value']}", flush=True)
    if reproduce:
        cold, filled = both(REPRODUCE, 1)
        found = commands[REPRODUCE.what] = {
            "words": REPRODUCE.words, "cold": summary(cold), "filled": summary(filled)
        }  # fmt: skip
        peak = max(found[how]["peak_bytes"] for how in ("cold", "filled"))
        memory = row(
            "reproduce: memory of its first process",
            f"{peak / 1e9:.2f} GB",
            f"{REPRODUCE_BYTES / 1e9} GB",
            peak / REPRODUCE_BYTES,
        )
        rows += [*rows_of(REPRODUCE, found, rival), memory]
    return {"import_jax_s": rival, "repeats": repeats, "commands": commands, "rows": rows}


def both(one: Command, repeats: int) -> tuple[list[Measured], list[Measured]]:
    """Return the runs of a command with an empty cache folder, and with a filled one."""
    cold, filled = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            # A relative file name would be written into the working folder.
            words = [str(folder / word) if word in ("draws.nc", "paper") else word for word in one.words]
            cold.append(measured([*words, "--json"], folder / "cache"))
            if "paper" in one.words:  # a finished study is not made again
                words = [word + "2" if word.endswith("paper") else word for word in words]
            filled.append(measured([*words, "--json"], folder / "cache"))
    for runs in (cold, filled):
        numbers = [each.programs for each in runs]
        assert len(set(numbers)) == 1, f"{one.what}: the number of programs differs between runs: {numbers}"
    if one is not REPRODUCE:  # its output names the folder
        assert answer(cold[0]) == answer(filled[0]), f"{one.what}: the output differs with a filled cache"
    return cold, filled


def answer(one: Measured) -> dict[str, Any]:
    """Return the output of a command without its provenance, which holds the date and the files' names."""
    content = json.loads(one.output)
    content.pop("provenance", None)
    return content


def summary(runs: Sequence[Measured]) -> dict[str, Any]:
    """Return the run of median seconds, and the seconds of all runs."""
    middle = sorted(runs, key=lambda one: one.seconds)[len(runs) // 2]
    values = dataclasses.asdict(middle) | {"other_s": middle.other_s, "all_s": [one.seconds for one in runs]}
    del values["output"]
    return values


def rows_of(one: Command, found: dict[str, Any], rival: float) -> list[dict[str, Any]]:
    """Return the rows of a command: cold, and with a filled cache."""
    rows = []
    for how, aim in (("cold", one.cold_s), ("filled", one.filled_s)):
        times = found[how]
        label = "cold" if how == "cold" else "filled cache"
        aims, missing = [], []
        if aim is not None:
            aims.append(f"{aim:g} s")
            missing.append(times["seconds"] / aim)
        if one.programs is not None and how == "cold":
            aims.append(f"{one.programs} programs")
            missing.append(times["programs"] / one.programs)
        compiling = "compiling" if how == "cold" else "loading programs"
        bound = (
            f"imports {times['imports_s']:.2f} s, tracing {times['tracing_s']:.2f} s, {compiling} "
            f"{times['compiling_s']:.2f} s, other {times['other_s']:.2f} s"
        )
        new = times["programs"] - times["from_cache"]
        value = f"{times['seconds']:.2f} s, {times['programs']} programs, {new} of them compiled"
        rows.append(
            row(
                f"{one.what}, {label}", value, ", ".join(aims), max(missing, default=None),
                f"`import jax`: {rival:.2f} s", times["seconds"] / rival, bound,
            )
        )  # fmt: skip
    return rows
