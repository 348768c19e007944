"""An interrupted scan goes on where it stopped, and never where it should not."""

import errno
import json
import os
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import cevnsjax
from cevnsjax import checkpoint
from cevnsjax.checkpoint import Checkpoint
from cevnsjax.cli import main
from cevnsjax.errors import InputError
from cevnsjax.experiments import copy_experiment
from cevnsjax.results import files

PLANE = ("m_z", 0.1, 100.0, 40), ("g_bl", 1e-7, 1e-3, 9)
COMMAND = ["scan", "conus_plus", "--model", "vector_bl", "--x", *map(str, PLANE[0]), "--y", *map(str, PLANE[1])]
CHUNK = 20


class Interrupted(Exception):
    """What a user's Ctrl-C stands for here."""


class Stopping:
    """Keeps one block, and interrupts."""

    def __init__(self, kept):
        self.kept, self.finished = kept, kept.finished

    def keep(self, name, result):
        self.kept.keep(name, result)
        raise Interrupted


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    """Write after each chunk, and make chunks small."""
    monkeypatch.setattr(checkpoint, "OFTEN", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 0.0)
    lines = import_module("cevnsjax.inference.lines")
    monkeypatch.setattr(lines, "CHEAP", CHUNK)
    monkeypatch.setattr(lines, "DEAR", CHUNK)


@pytest.fixture(scope="module")
def mediator(conus_plus):
    return cevnsjax.Likelihood(conus_plus, model="vector_bl")


def interrupted(mediator, out, request):
    """Stop a scan after its first chunk of lines."""
    kept = Checkpoint(out, mediator, "scan", request)
    with pytest.raises(Interrupted):
        cevnsjax.scan(mediator, *PLANE, kept=Stopping(kept))


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


def test_finished_lines_are_not_calculated_anew(mediator, tmp_path) -> None:
    out = tmp_path / "plane.nc"
    whole = cevnsjax.scan(mediator, *PLANE)
    interrupted(mediator, out, {"a": 1})
    kept = Checkpoint(out, mediator, "scan", {"a": 1})
    assert {name: rows.shape for name, rows in kept.finished.items()} == {"0": (CHUNK, 9)}  # one of two blocks
    # A wrong value in a finished line would stay.
    kept.finished["0"][3, 4] += 1.0
    again = cevnsjax.scan(mediator, *PLANE, kept=kept)
    difference = again.delta_chi2 - whole.delta_chi2
    assert difference[4, 3] == pytest.approx(1.0, abs=1e-12)
    difference[4, 3] = 0.0
    np.testing.assert_array_equal(difference, 0.0)
    kept.clear()
    assert list(tmp_path.iterdir()) == []


MINE = {"per_energy = 10": "per_energy = 20", "per_kg = true": "per_kg = false", "noise = 20.38": "noise = 20.3"}


@pytest.fixture(scope="module")
def mine(tmp_path_factory) -> Path:
    """A copy of an experiment, and copies in which one number differs."""
    folder = tmp_path_factory.mktemp("mine")
    copy_experiment("conus_plus", folder)
    text = (folder / "experiment.toml").read_text()
    for number, (old, new) in enumerate(MINE.items()):
        assert old in text
        (folder / f"other_{number}.toml").write_text(text.replace(old, new))
    return folder


def test_of_something_else(mediator, conus_plus, mine, tmp_path) -> None:
    """Another request, model, treatment, or any number of the experiment's file: the lines do not belong together."""
    out = tmp_path / "plane.nc"
    interrupted(mediator, out, {"a": 1})

    def like(experiment=conus_plus, **changes):
        return cevnsjax.Likelihood(experiment, **{"model": "vector_bl", **changes})

    with pytest.raises(InputError, match="profile of something else"):
        Checkpoint(out, mediator, "profile", {"a": 1})
    others = {
        "request": (mediator, {"a": 2}),
        "model": (like(model="vector_universal"), {"a": 1}),
        "channel": (like(channel="cevns"), {"a": 1}),
        "systematics": (like(systematics="detailed"), {"a": 1}),
        "pull": (like(pull="marginalised"), {"a": 1}),
        "override": (like(cevnsjax.load_experiment("conus_plus", {"nuisance.norm.sigma": 0.1})), {"a": 1}),
    } | {text: (like(mine / f"other_{number}.toml"), {"a": 1}) for number, text in enumerate(MINE.values())}
    for likelihood, request in others.values():
        with pytest.raises(InputError, match="scan of something else"):
            Checkpoint(out, likelihood, "scan", request)
    assert Checkpoint(out, like(), "scan", {"a": 1}).finished
    # The same numbers under another path are the same experiment.
    assert Checkpoint(out, like(mine / "experiment.toml"), "scan", {"a": 1}).finished


def test_an_altered_file_is_refused(mediator, tmp_path) -> None:
    """Whatever byte is changed, added or missing."""
    out = tmp_path / "plane.nc"
    interrupted(mediator, out, {"a": 1})
    file = tmp_path / "plane.nc.part"
    content = file.read_bytes()
    random = np.random.default_rng(1)
    altered = [content[:cut] for cut in (0, 10, 100, len(content) // 2, len(content) - 1)] + [content + b"\0"]
    for place in np.concatenate([np.arange(200), random.integers(0, len(content), 300)]):
        byte = content[place] ^ (1 << random.integers(8))
        altered.append(content[:place] + bytes([byte]) + content[place + 1 :])
    for one in altered:
        file.write_bytes(one)
        with pytest.raises(InputError, match=r"was altered: remove it, or choose another --out$"):
            Checkpoint(out, mediator, "scan", {"a": 1})
    file.write_bytes(content)
    assert Checkpoint(out, mediator, "scan", {"a": 1}).finished


def test_a_full_disk_keeps_what_is_finished(tmp_path, monkeypatch, capsys) -> None:
    """A write that fails ends the scan, and leaves the lines of the one before; the same command goes on from them."""
    out = tmp_path / "plane.nc"
    monkeypatch.setattr(import_module("cevnsjax.inference.lines"), "CHEAP", 10)
    replace, writes = os.replace, []

    def full(source, target):
        if Path(target).parent == tmp_path:  # and not in the cache
            writes.append(target)
            if len(writes) == 3:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", full)
        assert run(*COMMAND, "--out", str(out)) == 2
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [f"cevnsjax: cannot write '{out}.part': No space left on device"]
    assert [path.name for path in tmp_path.iterdir()] == ["plane.nc.part"]
    likelihood = cevnsjax.Likelihood("conus_plus", model="vector_bl")
    request = {"x": PLANE[0], "y": PLANE[1], "free": ["g_bl"], "values": {}, "cl": 0.9, "dof": 2}
    finished = Checkpoint(out, likelihood, "scan", request).finished
    assert [rows.shape for rows in finished.values()] == [(10, 9), (10, 9)]
    assert run(*COMMAND, "--out", str(out)) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["plane.nc"]


def test_a_full_disk_at_the_end_keeps_all(tmp_path, monkeypatch, capsys) -> None:
    """The result itself cannot be written: nothing of the work is lost."""
    replace = os.replace

    def full(source, target):
        if Path(target).suffix == ".nc":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", full)
    assert run(*COMMAND, "--out", str(tmp_path / "plane.nc")) == 2
    assert "No space left" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["plane.nc.part"]


def test_what_cannot_be_finished_leaves_nothing(tmp_path, capsys) -> None:
    assert run(*COMMAND[:-4], "g_bl", "1e-6", "1e60", "3", "--out", str(tmp_path / "plane.nc")) == 2
    assert "overflows" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_by_command(tmp_path, monkeypatch, capsys) -> None:
    """Ctrl-C after the first chunk; the same command then finishes, and gives what it gives in one go."""
    plain, stopped = tmp_path / "plain.nc", tmp_path / "stopped.nc"
    assert run(*COMMAND, "--out", str(plain), "--json") == 0
    expected = json.loads(capsys.readouterr().out)
    keep = Checkpoint.keep

    def stop(self, name, result):
        keep(self, name, result)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "keep", stop)
        assert run(*COMMAND, "--out", str(stopped), "--json") == 130
    assert not stopped.exists()
    assert (tmp_path / "stopped.nc.part").exists()
    capsys.readouterr()
    assert run(*COMMAND, "--out", str(stopped), "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert {**again, "provenance": None} == {**expected, "provenance": None}
    assert stopped.exists()
    assert not (tmp_path / "stopped.nc.part").exists()


VERBS = {
    "feldman_cousins": ({"x": ("sin2_theta_w", 0.1, 0.45, 40), "toys": 20}, "critical", 3),
    "profile": ({"over": "sin2_theta_w", "points": 21}, "delta_chi2", None),
    "project": ({"name": "sin2_theta_w", "exposures": [1.0, 10.0, 100.0]}, "fisher", 3),
}
"""Other verbs: a request, the array that is compared, and the number of blocks if that is known beforehand."""


class Counting(Stopping):
    """Keeps blocks, and counts them."""

    number = 0

    def keep(self, name, result):
        self.kept.keep(name, result)
        self.number += 1


@pytest.mark.parametrize("verb", VERBS)
def test_other_verbs_go_on(likelihood, tmp_path, verb: str) -> None:
    """The block that was finished is not done again, and the result is the same to the last bit."""
    request, field, blocks = VERBS[verb]
    function, out = getattr(cevnsjax, verb), tmp_path / "result.nc"
    whole = Counting(Checkpoint(out, likelihood, verb, {"another": "request"}))
    expected = getattr(function(likelihood, **request, kept=whole), field)
    whole.kept.clear()
    assert whole.number == blocks or blocks is None
    with pytest.raises(Interrupted):
        function(likelihood, **request, kept=Stopping(Checkpoint(out, likelihood, verb, request)))
    rest = Counting(Checkpoint(out, likelihood, verb, request))
    np.testing.assert_array_equal(getattr(function(likelihood, **request, kept=rest), field), expected)
    assert rest.number == whole.number - 1
