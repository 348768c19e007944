"""Every option of every command, given something odd: refused in one line before any work, and nothing is written.

The options are those that the commands declare, so that a new one is tried, too.
"""

import functools
import importlib
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from typer.models import OptionInfo

import cevnsjax
from cevnsjax.cli import inputs, main
from cevnsjax.cli.app import COMMANDS
from cevnsjax.errors import InputError
from cevnsjax.likelihood.preparation import Preparation
from cevnsjax.spreading import cluster

BEGUN = "the work has begun"

X = ("--x", "sin2_theta_w", "0.1", "0.4", "3")
RIGHT = {
    "experiments": (),
    "models": (),
    "cite": ("conus_plus",),
    "docs": (),
    "predict": ("conus_plus",),
    "fit": ("conus_plus",),
    "profile": ("conus_plus", "--over", "norm"),
    "scan": ("conus_plus", *X, "--y", "norm", "0.5", "1.5", "3"),
    "sample": ("conus_plus", "--out", "draws.nc"),
    "feldman-cousins": ("conus_plus", *X),
    "coverage": ("conus_plus", "--over", "sin2_theta_w"),
    "significance": ("conus_plus",),
    "goodness-of-fit": ("conus_plus",),
    "consistency": ("conus_plus", "dresden2"),
    "impacts": ("conus_plus", "--over", "norm"),
    "project": ("conus_plus", "--over", "norm"),
    "nuisances": ("conus_plus", "--fit"),
    "export": ("conus_plus", "--out", "likelihood.json"),
    "reproduce": ("--out", "report", "--only", "conus_plus"),
}
"""Command lines that are right as they stand."""

WITHOUT_WORK = ("cite", "docs", "experiments", "models", "reproduce")
"""Commands of which no right line begins work that this test stops."""

WHOLE = ("-1", "1.5", "x", "", "0x10", "nan", "99999999999999999999", "1000000000")
REAL = ("-1", "nan", "inf", "x", "", "1e400")
FILES = ("/proc/a.nc", "/sys/a.pdf", "/dev/full", "nowhere/a.nc", "nowhere/a.pdf", f"{'x' * 300}.nc", ".", "a\0.nc")
NAMES = ("nobody", "norm=", "=1", "norm=x", "norm=nan", "norm=1=2", "nobody=1", "sin2_theta_w=5", "norm=flat", "a\nb")
ENDS = ("0.3 0.2", "nan 1", "0 inf", "x 1", "-1 2", "1 1")

ODD = {
    "--x": [f"{name} {rest}" for name in ("nobody", "m_z") for rest in ("0.1 0.4 3",)]
    + [f"sin2_theta_w {ends} 3" for ends in ENDS] + [f"sin2_theta_w 0.1 0.4 {n}" for n in (*WHOLE, "1")],
    "--range": ENDS,
    "--exposure": [f"{ends} 3" for ends in ENDS] + [f"1 10 {n}" for n in WHOLE],
    "--copy": ["nobody mine", "conus_plus /proc/mine", "conus_plus /dev/null", f"conus_plus {'x' * 300}"],
    "--seed": [value for value in WHOLE if value != "1000000000"],
    "--figures": ["/proc/plots", "/dev/full", "nowhere/plots", "x" * 300, "a\0"],
    "--overlay": ["/dev/zero", "nowhere.csv", ".", "a\0.csv"],
}  # fmt: skip
"""Of options that have several words, or for which some of the odd values below are right."""
ODD["--y"] = ODD["--x"]

RIGHT_HERE = {("reproduce", "--out", "."), ("export", "--out", "a\0.nc")}
"""What is not odd for one command."""


def options_of(name: str) -> dict[str, type]:
    """Return the options of a command that take a value, and the type of each."""
    module = importlib.import_module(f"cevnsjax.cli.{COMMANDS[name][0]}")
    hints = get_type_hints(getattr(module, name.replace("-", "_")), include_extras=True)
    found = {}
    for hint in hints.values():
        for annotated in (hint, *get_args(hint)):
            kind, *info = get_args(annotated) or (None,)
            if info and isinstance(info[0], OptionInfo):
                found[info[0].default] = kind  # its first argument, before typer has looked at it
    return {flag: kind for flag, kind in found.items() if kind is not bool}


def odd_values(flag: str, kind: type) -> list[list[str]]:
    """Return odd values of an option, each as the words of the command line."""
    if flag in ODD:
        return [value.split(" ") for value in ODD[flag]]
    kinds = {kind, *get_args(kind), *(inner for one in get_args(kind) for inner in get_args(one))}
    values = next(values for one, values in ((int, WHOLE), (float, REAL), (Path, FILES), (str, NAMES)) if one in kinds)
    return [[value] for value in values]


LINES = [
    (name, flag, words)
    for name in COMMANDS
    for flag, kind in options_of(name).items()
    for words in odd_values(flag, kind)
    if (name, flag, " ".join(words)) not in RIGHT_HERE
]


@pytest.fixture
def no_work(monkeypatch) -> None:
    """Let what would calculate raise, and what is right but slow be done once."""

    def begun(*_, **__):
        raise InputError(BEGUN)

    monkeypatch.setattr(Preparation, "view", begun)
    monkeypatch.setattr(cevnsjax.Likelihood, "expected", begun)
    monkeypatch.setattr(inputs, "prepare", lambda: None)
    monkeypatch.setattr(cluster, "PATIENCE", 0.2)
    known = functools.cache(cevnsjax.Likelihood)
    monkeypatch.setattr(inputs, "Likelihood", known)


def answer(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in WITHOUT_WORK])
def test_the_command_lines_are_right_as_they_stand(name: str, no_work, tmp_path: Path, monkeypatch, capsys) -> None:
    """Else the odd value would not be what is refused."""
    monkeypatch.chdir(tmp_path)
    status, _, err = answer(capsys, name, *RIGHT[name])
    assert (status, err.splitlines()[-1]) == (2, f"cevnsjax: {BEGUN}")


@pytest.mark.parametrize("name", COMMANDS)
def test_odd_values(name: str, no_work, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for _, option, words in (line for line in LINES if line[0] == name):
        status, out, err = answer(capsys, name, *RIGHT[name], option, *words)
        line = f"{name} {option} {words}: {err}"
        assert status == 2, line
        assert out == "", line
        assert err.startswith("cevnsjax: "), line
        assert err.count("\n") == 1, line
        assert BEGUN not in err, line
        assert list(tmp_path.iterdir()) == [], line
