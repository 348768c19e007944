"""Work spread over threads, devices, processes and clusters gives the numbers that it gives in one place."""

import asyncio
import json
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import cevnsjax
from cevnsjax.checkpoint import Checkpoint
from cevnsjax.cli import main
from cevnsjax.errors import CutOff, InputError
from cevnsjax.spreading import Gathering, Lazy, cluster, dask_cluster, in_threads, local_processes, one_by_one

AXIS = ("sin2_theta_w", 0.05, 0.5, 70)
RADII = ("r2_ee", -8e-31, 3e-31, 5), ("r2_emu", -6e-31, 6e-31, 200)
"""200 lines, each a block: the third radius is searched for."""

# What a process with several devices does: the toys of a grid, sums over cells, and searches.
PROGRAM = """
import json, cevnsjax, jax
found = cevnsjax.feldman_cousins(cevnsjax.Likelihood("conus_plus"), ("sin2_theta_w", 0.05, 0.5, 70), toys=100)
vector, radii = (cevnsjax.Likelihood("conus_plus", model=model) for model in ("vector_bl", "charge_radius"))
planes = [
    cevnsjax.scan(vector, ("m_z", 1.0, 100.0, 7), ("g_bl", 1e-6, 1e-3, 5)),
    cevnsjax.scan(radii, ("r2_ee", -8e-31, 3e-31, 5), ("r2_emu", -6e-31, 6e-31, 4)),
]
print(json.dumps([jax.device_count(), found.critical.tolist(), [plane.delta_chi2.tolist() for plane in planes]]))
"""


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


@pytest.fixture(scope="module")
def alone(likelihood):
    return cevnsjax.feldman_cousins(likelihood, AXIS, toys=100)


@pytest.fixture(scope="module")
def radii(conus_plus):
    return cevnsjax.Likelihood(conus_plus, model="charge_radius")


@pytest.fixture(scope="module")
def plane(radii):
    return cevnsjax.scan(radii, *RADII, spread=one_by_one)


@pytest.mark.parametrize("devices", [4])
def test_over_devices(devices: int, alone, radii, conus_plus) -> None:
    """Devices are forced upon the processor, as JAX allows it before it starts."""
    flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}", "JAX_PLATFORMS": "cpu"}
    process = subprocess.run([sys.executable, "-c", PROGRAM], env=os.environ | flags, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    count, critical, planes = json.loads(process.stdout)
    assert count == devices
    np.testing.assert_allclose(critical, alone.critical, rtol=1e-9)
    vector = cevnsjax.Likelihood(conus_plus, model="vector_bl")
    here = cevnsjax.scan(vector, ("m_z", 1.0, 100.0, 7), ("g_bl", 1e-6, 1e-3, 5))
    searched = cevnsjax.scan(radii, RADII[0], (*RADII[1][:-1], 4))
    for there, plane in zip(planes, (here, searched), strict=True):
        np.testing.assert_allclose(there, plane.delta_chi2, rtol=1e-12, atol=1e-12)


# Gathering, without any physics


class Notes:
    """What is kept, in memory."""

    def __init__(self, **finished):
        self.finished, self.new = finished, []

    def keep(self, name, result):
        self.new.append(name)


def backwards(work, blocks):
    return [(i, work(blocks[i])) for i in reversed(range(len(blocks)))]


@pytest.mark.parametrize("spread", [None, one_by_one, in_threads, backwards])
def test_results_are_in_order_and_finished_blocks_are_left_out(spread) -> None:
    made, told, notes = [], [], Notes(b=np.array(-1), d=np.array(-2))

    def block(i):
        made.append(i)
        return i

    gathering = Gathering(spread, notes, lambda *done: told.append(done))
    results = gathering.results(lambda i: np.array(i**2), Lazy(block, 6), list("abcdef"))
    assert [int(one) for one in results] == [0, -1, 4, -2, 16, 25]
    assert sorted(made) == [0, 2, 4, 5]
    assert sorted(notes.new) == list("acef")
    assert told == [(3, 6), (4, 6), (5, 6), (6, 6)]


def test_blocks_are_made_when_it_is_their_turn() -> None:
    """A thousand blocks are never in memory together, and what one raises ends all."""
    there, most = 0, 0

    class Block:
        def __init__(self):
            nonlocal there, most
            there += 1
            most = max(there, most)

        def __del__(self):
            nonlocal there
            there -= 1

    def work(block):
        time.sleep(1e-4)
        return 1

    assert sum(Gathering(in_threads).results(work, Lazy(lambda i: Block(), 1000))) == 1000
    assert most < 20 * (os.cpu_count() or 1)

    def fails(i):
        if i == 7:
            raise InputError("seven")
        return i

    with pytest.raises(InputError, match="seven"):
        Gathering(in_threads).results(fails, range(100))


def test_threads(radii, plane) -> None:
    np.testing.assert_array_equal(cevnsjax.scan(radii, *RADII, spread=in_threads).delta_chi2, plane.delta_chi2)


# Clusters. Dask leaves some sockets to the garbage collector.

clusters = pytest.mark.filterwarnings("default")


@pytest.fixture
def crowd():
    """A function that starts many workers, each a thread of this process."""
    from distributed import LocalCluster

    started = []

    def start(workers: int):
        # Threads that wait for Python's lock get it sooner, or the scheduler would wait for all of them.
        started.append(
            LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=False, protocol="tcp", memory_limit=None,
                dashboard_address=":0", silence_logs=50,
            )
        )  # fmt: skip
        return started[-1]

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield start
    for one in started:
        one.close()
    sys.setswitchinterval(before)


@clusters
def test_workers_that_are_lost_at_random_lose_nothing(radii, plane, crowd) -> None:
    """Of 64 workers 40 go without a word, with the blocks that they do and the results that they have."""
    many, rng, lost, done = crowd(64), random.Random(1), [], threading.Event()

    def lose() -> None:
        while len(lost) < 40 and not done.wait(0.02):
            worker = rng.choice([w for w in many.workers.values() if w.status.name == "running"])

            async def end(worker=worker):
                await many.scheduler.remove_worker(worker.address, stimulus_id="lost")
                asyncio.get_running_loop().create_task(worker.close(timeout=0, executor_wait=False, nanny=False))

            many.sync(end)
            lost.append(worker.address)

    with dask_cluster(many.scheduler_address) as spread:
        thread = threading.Thread(target=lose)

        def advance(number, _):
            if number == 5:
                thread.start()

        there = cevnsjax.scan(radii, *RADII, spread=spread, advance=advance)
        done.set()
        thread.join()
    assert len(set(lost)) >= 10
    np.testing.assert_array_equal(there.delta_chi2, plane.delta_chi2)
    assert there.best_fit == plane.best_fit


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """Two workers in processes of their own, which their nannies start anew when they die."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=":0",
        local_directory=str(tmp_path_factory.mktemp("dask")),
        silence_logs=50,
    ) as local:
        yield local


@clusters
def test_processes_that_are_killed_lose_nothing(radii, plane, processes) -> None:
    from distributed import Client

    with Client(processes, set_as_default=False) as client, dask_cluster(processes.scheduler_address) as spread:
        killed = []

        def advance(number, _):
            if number in (20, 60):
                pid = sorted(client.run(os.getpid).values())[0]
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

        there = cevnsjax.scan(radii, *RADII, spread=spread, advance=advance)
        assert not set(killed) & set(client.run(os.getpid).values())
    assert len(set(killed)) == 2
    np.testing.assert_array_equal(there.delta_chi2, plane.delta_chi2)


OWN = '''
from cevnsjax.interactions import Interaction
from cevnsjax.parameters import Parameter


class Contact(Interaction):
    """Counts are taken for no polynomial in the second strength, which has no power."""

    parameters = (Parameter("c_n", 0.0, 1e-2, power=1), Parameter("d_n", 0.0, 1e-2))

    def nuclear_charge(self, params, recoil, flavour, final):
        return (params["c_n"] + params["d_n"]) * recoil.nucleus.N if final == flavour.lepton else 0.0
'''


@clusters
def test_all_verbs_over_processes(alone, likelihood, radii, processes, tmp_path, capsys) -> None:
    """The same bits: toys, a test of no signal, intervals of several parameters, a profile, a projection, a plane."""
    file = tmp_path / "my_models.py"
    file.write_text(OWN)
    own = cevnsjax.Likelihood("conus_plus", model=f"{file}:Contact")
    with dask_cluster(processes.scheduler_address) as spread:
        toys = cevnsjax.feldman_cousins(likelihood, AXIS, toys=100, spread=spread)
        np.testing.assert_array_equal(toys.critical, alone.critical)
        low = likelihood.with_data([likelihood.experiments[0].observed / 4])
        test = cevnsjax.significance(low, toys=6000, spread=spread)
        assert test == cevnsjax.significance(low, toys=6000)
        assert test.p_toys > 0
        assert cevnsjax.fit(radii, spread=spread) == cevnsjax.fit(radii, spread=one_by_one)
        curves = [cevnsjax.profile(radii, "r2_ee", points=21, spread=way) for way in (spread, None)]
        np.testing.assert_array_equal(curves[0].delta_chi2, curves[1].delta_chi2)
        ahead = [cevnsjax.project(own, "c_n", [1.0, 10.0], spread=way) for way in (spread, None)]
        assert ahead[0].asimov == ahead[1].asimov
        np.testing.assert_array_equal(ahead[0].fisher, ahead[1].fisher)
    command = ["feldman-cousins", "conus_plus", "--x", *map(str, AXIS), "--toys", "100", "--json"]
    assert run(*command, "--scheduler", processes.scheduler_address) == 0
    assert json.loads(capsys.readouterr().out)["critical"] == alone.critical.tolist()


def test_work_as_bytes(tmp_path) -> None:
    """Where counts are no polynomial the likelihood itself is sent, with a model of a user's file."""
    file = tmp_path / "my_models.py"
    file.write_text(OWN)
    own = cevnsjax.Likelihood("conus_plus", model=f"{file}:Contact")
    axes = ("d_n", -0.01, 0.01, 2), ("c_n", -0.01, 0.01, 3)

    def through_bytes(work, blocks):
        return one_by_one(cluster._unpickled(cluster._pickled(work)), blocks)

    planes = [cevnsjax.scan(own, *axes, free=["sin2_theta_w"], spread=way) for way in (through_bytes, one_by_one)]
    np.testing.assert_array_equal(planes[0].delta_chi2, planes[1].delta_chi2)
    general = [cevnsjax.profile(own, "d_n", points=3, limits=(-0.01, 0.01), spread=through_bytes)]
    general.append(cevnsjax.profile(own, "d_n", points=3, limits=(-0.01, 0.01)))
    np.testing.assert_array_equal(general[0].delta_chi2, general[1].delta_chi2)


@clusters
def test_what_is_sent(radii, likelihood) -> None:
    """Kernels and their numbers, some kilobytes; a likelihood does not take with it what it has prepared."""
    sent = []

    def spread(work, blocks):
        sent.append((len(cluster._pickled(work)), len(pickle.dumps(blocks[0]))))
        return one_by_one(work, blocks)

    cevnsjax.scan(radii, RADII[0], (*RADII[1][:-1], 4), spread=spread)
    cevnsjax.profile(radii, "r2_ee", points=5, spread=spread)
    cevnsjax.feldman_cousins(likelihood, (*AXIS[:-1], 4), toys=20, spread=spread)
    cevnsjax.significance(likelihood, toys=100, spread=spread)
    assert max(work for work, _ in sent) < 20_000
    assert max(block for _, block in sent) < 10_000
    new = cevnsjax.Likelihood("conus_plus", model="charge_radius")
    assert len(pickle.dumps(radii)) < 1.1 * len(pickle.dumps(new))


# What may go wrong


@clusters
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "smoke://signals", "http://127.0.0.1:1", ""])
def test_nobody_answers(address: str, monkeypatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    with pytest.raises(InputError, match=f"no Dask scheduler answers at '{re.escape(address)}': give"):
        dask_cluster(address).__enter__()


@clusters
def test_nobody_works(monkeypatch, crowd) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 1.0)
    with pytest.raises(InputError, match="has no workers: start some"):
        dask_cluster(crowd(0).scheduler_address).__enter__()


@clusters
def test_other_software(monkeypatch, crowd, likelihood) -> None:
    """Before the work, and of a worker that comes later."""
    address, mine = crowd(1).scheduler_address, cluster._software()
    monkeypatch.setattr(cluster, "_software", lambda: {**mine, "cevnsjax": "9.9"})
    with pytest.raises(InputError, match=rf"has cevnsjax {mine['cevnsjax']}, and it is 9.9 here: install the same$"):
        dask_cluster(address).__enter__()
    monkeypatch.setattr(cluster, "_software", lambda: {**mine, "a-package-that-nobody-has": "1.0"})
    with pytest.raises(InputError, match=r"has no a-package-that-nobody-has: install a-package-that-nobody-has 1\.0"):
        dask_cluster(address).__enter__()
    monkeypatch.setattr(cluster, "_software", lambda: mine)
    with dask_cluster(address) as spread:
        late = iter([mine])
        monkeypatch.setattr(cluster, "_software", lambda: next(late, {**mine, "jax": "0.1"}))
        with pytest.raises(CutOff, match=r"a worker on .* has jax 0.1, and it is .* here"):
            cevnsjax.feldman_cousins(likelihood, (*AXIS[:-1], 4), toys=20, spread=spread)


@clusters
def test_what_the_work_raises(crowd) -> None:
    """It is no fault of the worker, and is not tried anew."""
    with dask_cluster(crowd(1).scheduler_address) as spread, pytest.raises(InputError, match="block 3"):
        list(spread(_refuses, [3]))


@clusters
def test_blocks_that_kill_every_worker_end_the_work() -> None:
    """One line says so; of the blocks that were finished before none is begun."""
    import dask

    notes = Notes(**{"0": np.array(0), "1": np.array(1)})
    # Dask itself would try four workers for each block; to start them takes seconds.
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        local_processes(2) as spread,
        pytest.raises(CutOff, match=r"workers of .* died whenever .* want of memory; 0 of 4 blocks were finished"),
    ):
        Gathering(spread, notes).results(os._exit, [1] * 6)
    assert notes.new == []


def _refuses(block):
    raise InputError(f"block {block}")


COMMAND = ["scan", "conus_plus", "--model", "charge_radius", "--x", *map(str, RADII[0]), "--y", *map(str, RADII[1])]


@clusters
def test_a_scheduler_that_is_lost_keeps_what_is_finished(radii, plane, crowd, tmp_path, monkeypatch, capsys) -> None:
    """The command ends with one line; the same command without a cluster goes on to the same plane."""
    few, out, keep = crowd(2), tmp_path / "plane.nc", Checkpoint.keep

    def lose(self, name, result):
        keep(self, name, result)
        if len(self.finished) == 30:
            few.close()

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "keep", lose)
        assert run(*COMMAND, "--out", str(out), "--scheduler", few.scheduler_address) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "scanning" not in line]
    assert line.startswith(f"cevnsjax: the Dask cluster at '{few.scheduler_address}' was lost; ")
    assert line.endswith(" of 200 blocks were finished; the same command goes on from there")
    assert [path.name for path in tmp_path.iterdir()] == ["plane.nc.part"]
    begun = []

    def count(self, name, result):
        begun.append(name)
        keep(self, name, result)

    monkeypatch.setattr(Checkpoint, "keep", count)
    assert run(*COMMAND, "--out", str(out), "--json") == 0
    assert 0 < len(begun) <= 170
    assert json.loads(capsys.readouterr().out)["delta_chi2"] == plane.delta_chi2.tolist()
    assert [path.name for path in tmp_path.iterdir()] == ["plane.nc"]


def test_two_places_at_once(capsys) -> None:
    assert run(*COMMAND, "--workers", "2", "--scheduler", "tcp://127.0.0.1:1") == 2
    expected = "cevnsjax: --scheduler tcp://127.0.0.1:1 and --workers 2 given; choose one\n"
    assert capsys.readouterr().err == expected
    with pytest.raises(InputError, match="0 workers given; give a whole number from 1"):
        local_processes(0).__enter__()
