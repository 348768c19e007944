"""An interrupted scan goes on where it stopped, and never where it should not."""

from importlib import import_module

import numpy as np
import pytest

import cevnsjax
from cevnsjax import checkpoint
from cevnsjax.checkpoint import Checkpoint
from cevnsjax.cli import main
from cevnsjax.errors import InputError

PLANE = ("m_z", 0.1, 100.0, 40), ("g_bl", 1e-7, 1e-3, 9)
COMMAND = ["scan", "conus_plus", "--model", "vector_bl", "--x", *map(str, PLANE[0]), "--y", *map(str, PLANE[1])]


class Interrupted(Exception):
    """What a user's Ctrl-C stands for here."""


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(checkpoint, "OFTEN", 0.0)
    monkeypatch.setattr(import_module("cevnsjax.statistics.scan"), "CHEAP", 32)  # the function hides its module


@pytest.fixture(scope="module")
def mediator(conus_plus):
    return cevnsjax.Likelihood(conus_plus, model="vector_bl")


def interrupted(mediator, out, request):
    """Stop a scan after its first chunk of lines."""
    kept = Checkpoint(out, mediator, request)

    def keep(chi2):
        kept.keep(chi2)
        raise Interrupted

    with pytest.raises(Interrupted):
        cevnsjax.scan(mediator, *PLANE, finished=kept.finished, keep=keep)


def test_finished_lines_are_not_calculated_anew(mediator, tmp_path, often) -> None:
    out = tmp_path / "plane.nc"
    whole = cevnsjax.scan(mediator, *PLANE)
    interrupted(mediator, out, {"a": 1})
    kept = Checkpoint(out, mediator, {"a": 1})
    unfinished = np.isnan(kept.finished).any(axis=1)
    assert unfinished.sum() == 20  # of 40 lines, in two chunks
    # A wrong value in a finished line would stay.
    kept.finished[3, 4] += 1.0
    again = cevnsjax.scan(mediator, *PLANE, finished=kept.finished, keep=kept.keep)
    difference = again.delta_chi2 - whole.delta_chi2
    assert difference[4, 3] == pytest.approx(1.0, abs=1e-12)
    difference[4, 3] = 0.0
    np.testing.assert_array_equal(difference, 0.0)
    kept.clear()
    assert list(tmp_path.iterdir()) == []


def test_of_something_else(mediator, conus_plus, tmp_path, often) -> None:
    out = tmp_path / "plane.nc"
    interrupted(mediator, out, {"a": 1})
    other = cevnsjax.load_experiment("conus_plus", {"source.power_GW": 3.5, "source.total_flux_per_cm2_s": None})
    for likelihood, request in (
        (mediator, {"a": 2}),
        (cevnsjax.Likelihood(conus_plus, model="vector_universal"), {"a": 1}),
        (cevnsjax.Likelihood(other, model="vector_bl"), {"a": 1}),
    ):
        with pytest.raises(InputError, match="scan of something else"):
            Checkpoint(out, likelihood, request)
    (tmp_path / "broken.nc.part").write_text("no scan")
    with pytest.raises(InputError, match="is no interrupted scan"):
        Checkpoint(tmp_path / "broken.nc", mediator, {})


def test_what_cannot_be_finished_leaves_nothing(tmp_path, often, capsys) -> None:
    out = str(tmp_path / "plane.nc")
    with pytest.raises(SystemExit) as left:
        main([*COMMAND[:-4], "g_bl", "1e-6", "1e90", "3", "--out", out])
    assert left.value.code == 2
    assert "overflows" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_by_command(tmp_path, often, monkeypatch, capsys) -> None:
    """Ctrl-C after the first chunk; the same command then finishes, and gives what it gives in one go."""
    plain, stopped = tmp_path / "plain.nc", tmp_path / "stopped.nc"
    with pytest.raises(SystemExit):
        main([*COMMAND, "--out", str(plain), "--json"])
    expected = capsys.readouterr().out
    keep = Checkpoint.keep

    def stop(self, chi2):
        keep(self, chi2)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "keep", stop)
        with pytest.raises(SystemExit) as left:
            main([*COMMAND, "--out", str(stopped), "--json"])
        assert left.value.code == 130
    assert not stopped.exists()
    assert (tmp_path / "stopped.nc.part").exists()
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main([*COMMAND, "--out", str(stopped), "--json"])
    assert capsys.readouterr().out == expected
    assert stopped.exists()
    assert not (tmp_path / "stopped.nc.part").exists()
