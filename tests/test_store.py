"""What is kept on disk between processes: it saves time, and changes nothing."""

import dataclasses
import os
import secrets
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from cevnsjax import Likelihood, fit, load_experiment, programs, scan, store
from cevnsjax.likelihood.parabolas import grid_of
from cevnsjax.programs import Program, forget_programs, release_memory
from cevnsjax.store import content_of, keep, kept


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "_folder", tmp_path)
    return tmp_path


@pytest.fixture
def traced():
    """A program that notes each time that JAX traces it, and the list of these times."""
    times = []

    def power(x, of, n):
        times.append(n)
        return {"power": of["base"] ** n + x, "x": [x]}

    power.__name__ += secrets.token_hex(4)  # else JAX's own cache has it from another test
    return Program(power, ("n",), None), times


def entries(folder):
    return sorted(path for path in folder.iterdir() if path.is_file())


def test_a_program_on_disk_is_not_traced_again(folder, traced):
    program, times = traced
    x, of = np.arange(3.0), {"base": np.float64(2.0)}
    first = program(x, of, n=3)
    assert len(times) == 1
    assert len(entries(folder)) == 1
    forget_programs()
    again = program(x, of, n=3)
    assert len(times) == 1
    assert np.array_equal(first["power"], 8.0 + x)
    assert np.array_equal(first["power"], again["power"])
    assert np.array_equal(again["x"][0], x)


@pytest.mark.parametrize("keeping", [True, False])
def test_released_programs_are_made_again(folder, traced, keeping, monkeypatch):
    if not keeping:
        monkeypatch.setattr(store, "_folder", None)
    program, times = traced
    given = np.arange(3.0), {"base": np.float64(2.0)}, 3
    first = program(*given)
    assert program.made == 1
    release_memory()
    assert program.made == 0
    assert np.array_equal(program(*given)["power"], first["power"])
    assert len(times) == (1 if keeping else 2)


def test_other_shapes_types_and_static_arguments_are_other_programs(folder, traced):
    program, times = traced
    x, of = np.arange(3.0), {"base": np.float64(2.0)}
    for given in ((x, of, 3), (x, of, 2), (np.arange(4.0), of, 3), (np.arange(3), of, 3), (x, {"base": x}, 3)):
        assert np.array_equal(program(*given)["power"], given[1]["base"] ** given[2] + given[0])
    assert len(times) == len(entries(folder)) == 5


@pytest.mark.parametrize("harm", [lambda b: b[:-9], lambda b: b"", lambda b: b[:60] + bytes([b[60] ^ 1]) + b[61:]])
def test_a_damaged_entry_is_made_anew(folder, traced, harm):
    program, times = traced
    given = np.arange(3.0), {"base": np.float64(2.0)}, 3
    first = program(*given)
    (path,) = entries(folder)
    path.write_bytes(harm(path.read_bytes()))
    forget_programs()
    assert np.array_equal(program(*given)["power"], first["power"])
    assert len(times) == 3  # JAX's own cache has it, but what comes from there cannot be kept
    forget_programs()
    program(*given)
    assert len(times) == 3  # and is whole again


def test_a_process_that_traces_nothing_finds_lapack(tmp_path):
    """The second process loads all of its programs, one of which calls LAPACK."""
    code = """
import sys
from pathlib import Path
import jax, jax.numpy as jnp, numpy as np
from cevnsjax.programs import LOADED, program
from cevnsjax.store import keep_in
loaded = []
jax.monitoring.register_event_listener(lambda event, **_: loaded.append(event) if event == LOADED else None)
keep_in(Path(sys.argv[1]))
root = program()(lambda matrix: jnp.linalg.eigh(matrix)[0])
print(len(loaded), np.asarray(root(np.diag([4.0, 9.0]))).tolist(), len(loaded))
"""
    runs = [
        subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert [run.strip() for run in runs] == ["0 [4.0, 9.0] 0", "0 [4.0, 9.0] 1"]


def test_a_full_disk_costs_time_only(folder, traced, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    program, _ = traced
    assert np.array_equal(program(np.arange(3.0), {"base": np.float64(2.0)}, n=1)["power"], [2.0, 3.0, 4.0])
    assert entries(folder) == []


def test_derivatives_go_through_a_program(folder, traced):
    import jax

    program, _ = traced
    slope = jax.grad(lambda base: program(jnp.zeros(()), {"base": base}, n=3)["power"])(2.0)
    assert float(slope) == 12.0


@dataclasses.dataclass(frozen=True)
class Mine:
    """A class of a user's, whose name does not tell what it does."""

    number: float = 1.0


def test_a_users_class_has_no_content():
    assert content_of((1.0, "a", np.arange(3))) is not None
    assert content_of(Mine()) is None
    assert content_of([test_a_users_class_has_no_content]) is None
    assert content_of(lambda: 1) is None


def test_content_tells_experiments_apart():
    plus = load_experiment("conus_plus")
    moved = load_experiment("conus_plus", {"response.nuclear.yield.k": 0.17})
    assert content_of(plus) == content_of(load_experiment("conus_plus"))
    assert content_of(plus) != content_of(moved)


def test_content_is_the_same_in_another_process(tmp_path):
    """Sets have no order, and Python shuffles them anew in each process."""
    code = "import cevnsjax; from cevnsjax.store import content_of; "
    code += "print(content_of(cevnsjax.load_experiment('conus_plus')))"
    seed = {"PYTHONHASHSEED": "7"}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | seed, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == content_of(load_experiment("conus_plus"))


def test_content_is_the_same_where_nobody_may_write():
    """Arrays of an experiment become read-only once they are shared, which changes none of them."""
    for values in (np.arange(6.0), np.arange(6.0).reshape(2, 3).T, np.arange(6.0)[::2]):
        locked = values.copy(order="K")
        locked.setflags(write=False)
        assert content_of({"a": locked}) == content_of({"a": values.copy(order="K")})
        assert content_of({"a": locked}) != content_of({"a": values + 1})


def test_kept_values_return(folder):
    keep("thing", "text", {"a": np.arange(3)})
    assert np.array_equal(kept("thing", "text")["a"], np.arange(3))
    assert kept("thing", "other") is None
    assert kept("other", "text") is None


def test_a_fit_is_the_same_without_with_and_from_the_store(tmp_path, monkeypatch):
    """To the last digit: JAX' compiler makes the same of a program that was on disk."""

    def fitted():
        found = fit(Likelihood("conus_plus", systematics="detailed"))
        return [*found.best_fit.values(), found.chi2_min, found.intervals]

    monkeypatch.setattr(store, "_folder", None)
    plain = fitted()
    monkeypatch.setattr(store, "_folder", tmp_path)
    first = fitted()
    kinds = {path.name.partition("-")[0] for path in entries(tmp_path)}
    assert kinds == {"program", "signal"}
    forget_programs()
    read = []
    monkeypatch.setattr("cevnsjax.likelihood.signals.kept", lambda *given: read.append(kept(*given)) or read[-1])
    assert plain == first == fitted()
    assert all(one is not None for one in read)
    assert read


def test_a_plane_is_the_same_without_and_from_the_store(folder, monkeypatch):
    """To the last digit: degrees that were enough at the mass whose signal was on disk are not looked for anew."""
    sought = []
    monkeypatch.setattr("cevnsjax.likelihood.signals.grid_of", lambda *given: sought.append(1) or grid_of(*given))

    def plane():
        likelihood = Likelihood("conus_plus", model="vector_bl", systematics="detailed")
        return scan(likelihood, ("m_z", 1.0, 100.0, 3), ("g_bl", 1e-6, 1e-3, 3)).delta_chi2

    monkeypatch.setattr(store, "_folder", None)
    plain = plane()
    monkeypatch.setattr(store, "_folder", folder)
    plane()
    assert sought
    sought.clear()
    np.testing.assert_array_equal(plane(), plain)
    assert not sought


def test_a_changed_table_is_another_signal(folder, copied):
    """The file of the experiment stays as it is, and so does its name."""
    path = copied / "experiment.toml"

    def counted():
        return np.asarray(Likelihood(str(path), systematics="detailed").expected({"energy_shift": 5.0}))

    before = counted()
    text = path.read_text()
    assert "k = 0.162" in text
    path.write_text(text.replace("k = 0.162", "k = 0.182"))
    after = counted()
    monkey = store._folder
    store.keep_in(None)
    try:
        assert np.array_equal(after, counted())
    finally:
        store.keep_in(monkey)
    assert (after > before).any()


def test_an_option_that_the_compiler_does_not_know_is_left_out(monkeypatch):
    """Versions of JAX differ in the older way to make code: without it programs are the same."""
    older = programs._older.__wrapped__
    assert programs.options_of(None) is None
    assert programs.options_of(1) == {"xla_backend_optimization_level": 1, **older()}
    monkeypatch.setattr(programs, "OLDER", {"xla_no_such_option": False})
    assert older() == {}
