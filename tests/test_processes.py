"""Studies in several processes: the same files and numbers as in one, and errors that leave in one line."""

import contextlib
import json
import math
import os
import pickle
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.image import imread
from toy_steps import act, broken

from cevnsjax.errors import CutOff, InputError
from cevnsjax.reproduce import STUDIES, driver, markdown, reproduce
from cevnsjax.reproduce.processes import processes_for, share_processors
from cevnsjax.reproduce.queue import Queue, Task
from cevnsjax.reproduce.study import Step, Study
from cevnsjax.reproduce.workspace import PARTS
from cevnsjax.spreading import Interpreter, few_threads, own_threads
from cevnsjax.spreading.interpreters import THREADS


def study(name: str, steps: tuple[Step, ...]) -> Study:
    return Study(name, lambda: steps, lambda results: {"results": dict(results)}, lambda _: {"text": name})


@pytest.fixture
def two(monkeypatch, tmp_path):
    """Return a function that lets there be two studies, of the steps it is given."""

    def let(first: tuple[Step, ...], second: tuple[Step, ...]) -> None:
        monkeypatch.setattr(driver, "STUDIES", {"first": study("first", first), "second": study("second", second)})

    templates = tmp_path / "templates"
    templates.mkdir()
    for name in ("report", "report_study"):
        (templates / f"{name}.md").write_text((markdown.TEMPLATES / f"{name}.md").read_text())
    for name in ("first", "second"):
        (templates / f"{name}.md").write_text(f"# {name}\n\n${{text}}\n")
    monkeypatch.setattr(markdown, "TEMPLATES", templates)
    return let


def without_dates(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_dates(x) for key, x in value.items() if key != "date"}
    return [without_dates(x) for x in value] if isinstance(value, list) else value


def test_two_processes_write_what_one_does(two, tmp_path: Path, capsys) -> None:
    """Steps of true studies: a figure with its curve and fits; numbers, pixels and order to the last."""
    of = {name: {step.name: step for step in STUDIES[name].steps()} for name in ("conus_plus", "dresden2")}
    quenched = tuple(of["dresden2"][f"conus_plus_{label}"] for label in ("Lindhard", "Fef", "YBe"))
    strengths = of["dresden2"]["strengths"]._replace(reads=tuple(step.name for step in quenched))
    two(tuple(of["conus_plus"][name] for name in ("fig2", "angle_00", "angle_01")), (*quenched, strengths))
    contents = []
    for processes in (1, 2):
        contents.append(without_dates(reproduce(tmp_path / str(processes), processes=processes)))
        lines = capsys.readouterr().err.splitlines()
        assert [line.split(":")[1] for line in lines] == [f" {i + 1} of 7" for i in range(7)]
    one, both = tmp_path / "1", tmp_path / "2"
    assert json.dumps(contents[0]) == json.dumps(contents[1])
    assert {path.name for path in one.iterdir()} == {path.name for path in both.iterdir()}
    for path in one.iterdir():
        other = both / path.name
        if path.suffix == ".png":
            np.testing.assert_array_equal(imread(path), imread(other))
        elif path.suffix == ".nc":
            with xr.open_dataset(path, engine="h5netcdf") as a, xr.open_dataset(other, engine="h5netcdf") as b:
                assert a.equals(b)
    assert len(list(one.glob("*.png"))) == 2


@pytest.mark.parametrize(
    ("end", "kind", "message"),
    [
        ("refused", InputError, "refused elsewhere$"),
        (
            "dies",
            CutOff,
            r"step: its process was ended by SIGKILL, most often for want of memory; the same command",
        ),
    ],
)
def test_a_failure_elsewhere_leaves_what_is_finished(two, tmp_path: Path, capsys, end, kind, message) -> None:
    step = Step("step", "step", partial(act, os.getpid(), end, tmp_path))
    two((step,), (step,))
    out = tmp_path / "out"
    with pytest.raises(kind, match=message):
        reproduce(out, processes=2)
    # The study that was done here is written; its record stays until a run comes to its end.
    (kept,) = (out / PARTS).glob("*/step.json")
    assert {path.name for path in out.iterdir()} == {PARTS, f"{kept.parent.name}.json", f"{kept.parent.name}.md"}
    capsys.readouterr()
    content = reproduce(out, processes=1)
    assert [one["results"] for one in content["studies"].values()] == [{"step": "here"}] * 2
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if "(done before)" in line] == [line for line in said if kept.parent.name in line]
    assert not (out / PARTS).exists()


def test_an_error_here_ends_the_others(two, tmp_path: Path) -> None:
    """At once, though they work: the sleep would last longer than the test may."""
    here = os.getpid()
    step = Step("step", "step", partial(act, here, "sleeps", tmp_path))
    two((step, Step("wrong", "wrong", math.sqrt)), (step, Step("wrong", "wrong", math.sqrt)))
    begun = time.monotonic()
    with pytest.raises(TypeError):
        reproduce(tmp_path / "out", processes=2)
    assert time.monotonic() - begun < 60


def test_warnings_of_others_are_shown_here(two, tmp_path: Path, capfd) -> None:
    step = Step("step", "step", partial(act, os.getpid(), "warns", tmp_path))
    two((step,), (step,))
    with pytest.warns(UserWarning, match="warned elsewhere"):
        content = reproduce(tmp_path / "out", processes=2)
    assert sorted(one["results"]["step"] for one in content["studies"].values()) == ["elsewhere", "here"]
    captured = capfd.readouterr()
    assert (captured.out, "printed elsewhere" in captured.err) == ("", True)


def children(process: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == process:
                found.append(int(path.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux, which tells of a process's children")
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_other_processes_end_with_this_one(tmp_path: Path, sent: signal.Signals, status: int) -> None:
    """However it ends; and no file is left unfinished."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "cevnsjax", "reproduce", "--only", "dresden2", "--out", str(out)]
    with subprocess.Popen([*command, "--processes", "2"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(3)]
        (other,) = children(process.pid)
        process.send_signal(sent)
        rest = process.stderr.read()
        assert process.wait(60) == status
    assert "3 of 10: dresden2: " in lines[-1]
    assert "Traceback" not in rest
    if sent == signal.SIGTERM:
        assert rest.splitlines()[-1] == "cevnsjax: interrupted"
    latest = time.monotonic() + 10
    while Path(f"/proc/{other}").exists():
        assert time.monotonic() < latest
        time.sleep(0.01)
    assert [path.name for path in out.iterdir()] == [PARTS]
    if sent == signal.SIGTERM:
        assert not [path for path in (out / PARTS / "dresden2").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("given", [0, -1, 65, True])
def test_impossible_numbers(tmp_path: Path, given: int) -> None:
    with pytest.raises(InputError, match="processes given; give a whole number from 1 to 64"):
        reproduce(tmp_path / "out", processes=given)
    assert not (tmp_path / "out").exists()


def test_the_usual_number(monkeypatch) -> None:
    for processors, studies, number in ((1, 7, 1), (2, 7, 2), (2, 1, 1), (16, 7, 4), (16, 3, 3)):
        monkeypatch.setattr(os, "cpu_count", lambda count=processors: count)
        assert processes_for(None, studies) == number
    assert processes_for(5, 1) == 5


def test_every_step_can_be_sent() -> None:
    """And reads only what stands before it."""
    for each in STUDIES.values():
        names: list[str] = []
        for step in each.steps():
            assert pickle.loads(pickle.dumps(step)).name == step.name
            assert set(step.reads) <= set(names)
            names.append(step.name)


def test_the_order_of_steps() -> None:
    """A study for each process, then the last steps of the one with the most left, once what they read is there."""
    long = [Step(str(i), "", len) for i in range(4)]
    long.append(Step("4", "", len, ("0", "1")))
    queue = Queue({"long": long, "short": [Step("only", "", len)]})
    a, b = queue.take(0), queue.take(1)
    assert (a, b) == (Task("long", long[0]), Task("short", Step("only", "", len)))
    assert a is not None
    assert b is not None
    queue.done(b)
    assert queue.finished("short")
    assert queue.take(1) == Task("long", long[3])
    queue.done(a)
    assert queue.take(0) == Task("long", long[1])
    queue.done(Task("long", long[1]))
    assert [queue.take(1), queue.take(0), queue.take(1)] == [Task("long", long[4]), Task("long", long[2]), None]
    queue.fail(KeyError())
    assert isinstance(queue.error, KeyError)


def test_an_interpreter_is_called_again_after_an_error() -> None:
    with contextlib.closing(Interpreter()) as other:
        with pytest.raises(ValueError, match=r"math domain error|nonnegative") as raised:
            other.call(math.sqrt, -1.0)
        assert "Traceback" in raised.value.__notes__[0]
        assert other.call(math.sqrt, 4.0) == 2.0
        assert other.call(os.getpid) != os.getpid()
        with pytest.raises(RuntimeError, match="KeyError: 'broken elsewhere'"):
            other.call(broken)
        with pytest.raises(CutOff, match="ended with status 3"):
            other.call(os._exit, 3)
    with pytest.raises(CutOff, match="was ended"):
        other.call(math.sqrt, 4.0)


def test_threads_of_an_interpreter(monkeypatch) -> None:
    """Its libraries start as many as it is told, unless the user has said how many."""
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with contextlib.closing(Interpreter(threads=1)) as other:
        assert [other.call(os.getenv, name) for name in THREADS] == ["1", "3", "1", "1"]
    with contextlib.closing(Interpreter()) as other:
        assert other.call(os.getenv, "NPROC") is None


@pytest.mark.parametrize(("processors", "given", "share"), [(2, None, "1"), (16, None, "4"), (16, 2, "8"), (2, 5, "1")])
def test_the_share_of_processors(monkeypatch, processors: int, given: int | None, share: str) -> None:
    """Which a user's own number is stronger than."""
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    for environment, expected in (({}, share), ({"NPROC": "11"}, "11")):
        monkeypatch.setattr(os, "environ", environment)
        share_processors(given, 7)
        assert environment == {"NPROC": expected}


def test_few_threads() -> None:
    with few_threads(1):
        assert own_threads() == 1
        with few_threads(8):
            assert own_threads() == 1
