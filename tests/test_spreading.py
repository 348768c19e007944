"""Work spread over processes and devices gives the numbers that it gives in one place."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import cevnsjax
from cevnsjax.cli import main
from cevnsjax.errors import InputError
from cevnsjax.spreading import dask_cluster

AXIS = ("sin2_theta_w", 0.05, 0.5, 70)
COMMAND = ["feldman-cousins", "conus_plus", "--x", "sin2_theta_w", "0.05", "0.5", "70", "--toys", "100", "--json"]

# What a process with several devices does: the toys of a grid, and a plane with another parameter profiled.
PROGRAM = """
import json, cevnsjax, jax
found = cevnsjax.feldman_cousins(cevnsjax.Likelihood("conus_plus"), ("sin2_theta_w", 0.05, 0.5, 70), toys=100)
likelihood = cevnsjax.Likelihood("conus_plus", model="vector_bl")
plane = cevnsjax.scan(likelihood, ("m_z", 1.0, 100.0, 7), ("g_bl", 1e-6, 1e-3, 5))
print(json.dumps([jax.device_count(), found.critical.tolist(), plane.delta_chi2.tolist()]))
"""


@pytest.fixture(scope="module")
def alone(likelihood):
    return cevnsjax.feldman_cousins(likelihood, AXIS, toys=100)


@pytest.mark.parametrize("devices", [3])
def test_over_devices(devices: int, alone, conus_plus) -> None:
    """Devices are forced upon the processor, as JAX allows it before it starts."""
    flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=os.environ | flags, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    count, critical, plane = json.loads(run.stdout)
    assert count == devices
    np.testing.assert_allclose(critical, alone.critical, rtol=1e-9)
    likelihood = cevnsjax.Likelihood(conus_plus, model="vector_bl")
    here = cevnsjax.scan(likelihood, ("m_z", 1.0, 100.0, 7), ("g_bl", 1e-6, 1e-3, 5))
    np.testing.assert_allclose(plane, here.delta_chi2, rtol=1e-9, atol=1e-9)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """Two workers in processes of their own, and the address of their scheduler."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=None,
        local_directory=str(tmp_path_factory.mktemp("dask")),
        silence_logs=50,
    ) as cluster:
        yield cluster.scheduler_address


@pytest.mark.filterwarnings("default")
def test_over_a_cluster(alone, likelihood, scheduler, capsys) -> None:
    with dask_cluster(scheduler) as spread:
        found = cevnsjax.feldman_cousins(likelihood, AXIS, toys=100, spread=spread)
    np.testing.assert_allclose(found.critical, alone.critical, rtol=1e-9)
    with pytest.raises(SystemExit) as left:
        main([*COMMAND, "--scheduler", scheduler])
    assert left.value.code == 0
    np.testing.assert_allclose(json.loads(capsys.readouterr().out)["critical"], alone.critical, rtol=1e-9)


@pytest.mark.filterwarnings("default")
def test_nobody_answers(monkeypatch) -> None:
    monkeypatch.setattr("cevnsjax.spreading.cluster.PATIENCE", 1.0)
    with pytest.raises(InputError, match="no Dask scheduler answers"), dask_cluster("tcp://127.0.0.1:1"):
        pass
