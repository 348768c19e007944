"""How many programs are compiled: few for a first answer, and none for another one of the same shapes.

JAX tells of each call of its compiler. All is counted in a process of its own, whose programs are forgotten where a
first answer is asked for; the persistent cache is off. The bounds are the numbers found: more is one that slipped in.
"""

import json
import os
import subprocess
import sys

import pytest

# A block starts without programs; what stands below it follows in the same process. Beside each call: the bound.
PREDICT = {
    # One asks whether the compiler knows an option.
    "Likelihood('conus_plus').expected({})": 3,
    "Likelihood('conus_plus').expected({'sin2_theta_w': 0.2, 'norm': 1.1})": 0,
    "Likelihood(plus({'response.nuclear.yield.k': 0.17})).expected({})": 0,
    "Likelihood('conus_plus', model='scalar').expected({'g_phi': 1e-6})": 2,
}
TEN_RUNS = {"Likelihood('conus').expected({})": 4}
FIT_OF_ONE = {
    "fit(Likelihood('conus_plus'))": 4,
    "fit(Likelihood('conus_plus', model='vector_bl'))": 2,
    "fit(Likelihood('conus_plus', model='magnetic_moment'), cl=0.68)": 2,
    "fit(Likelihood(plus({'response.nuclear.yield.k': 0.17})))": 0,
    "fit(Likelihood(plus({'nuisance.norm.sigma': 0.1})))": 0,
    "fit(Likelihood(plus({'source.power_GW': 3.0, 'source.total_flux_per_cm2_s': None})))": 0,
    "fit(Likelihood(plus().with_data(0.8 * plus().observed)))": 0,
    "profile(Likelihood('conus_plus'), 'sin2_theta_w')": 0,
}
FIT_OF_TWO = {
    "fit(Likelihood('conus_plus', model='nsi_vector'))": 4,
    "fit(Likelihood('conus_plus', model='nsi_tensor'))": 2,
}
FIT_OF_THREE = {
    "fit(Likelihood('conus_plus', model='charge_radius'))": 4,
    "fit(Likelihood('conus_plus', model='millicharge'))": 2,
}
WITH_SIX_NUISANCES = {
    "fit(Likelihood('conus_plus', systematics='detailed'))": 5,
    # Another width and another k at once, near enough that the polynomial has the same degrees.
    "fit(Likelihood(plus({'nuisance.quenching_k.sigma': 0.0039, 'response.nuclear.yield.k': 0.163}),"
    " systematics='detailed'))": 0,
}
HESSIANS = {
    "hessian(Likelihood('conus_plus'), {'sin2_theta_w': 0.25, 'norm': 1.05})": 3,
    "hessian(Likelihood('conus_plus'), {'sin2_theta_w': 0.2, 'norm': 0.9}, ['norm', 'sin2_theta_w'])": 0,
    "hessian(Likelihood('conus_plus', model='vector_bl'), {'g_bl': 1e-5, 'norm': 1.0})": 2,
}
BLOCKS = [PREDICT, TEN_RUNS, FIT_OF_ONE, FIT_OF_TWO, FIT_OF_THREE, WITH_SIX_NUISANCES, HESSIANS]

PROGRAM = """
import json, sys
import jax
compiled = []
def note(event, seconds, **_):
    if event == "/jax/core/compile/backend_compile_duration":
        compiled.append(event)
jax.monitoring.register_event_duration_secs_listener(note)
from cevnsjax import Likelihood, fit, hessian, load_experiment, profile
found = {"import": len(compiled)}
def plus(overrides=None):
    return load_experiment("conus_plus", overrides)
for block in json.load(sys.stdin):
    jax.clear_caches()
    for call in block:
        before = len(compiled)
        eval(call)
        found[call] = len(compiled) - before
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def counted():
    """Return the number of programs of each call."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps([list(block) for block in BLOCKS]), capture_output=True,
        text=True, check=True, env=os.environ | {"JAX_PLATFORMS": "cpu", "CEVNSJAX_CACHE": "off", "XLA_FLAGS": ""},
    )  # fmt: skip
    return json.loads(run.stdout)


EVERY = {call: bound for block in BLOCKS for call, bound in block.items()}


@pytest.mark.parametrize(("call", "bound"), EVERY.items(), ids=EVERY)
def test_programs(call: str, bound: int, counted) -> None:
    assert counted[call] <= bound


def test_an_import_compiles_nothing(counted) -> None:
    assert counted["import"] == 0


def test_the_aims(counted) -> None:
    """Five for a prediction, twelve for a fit, two more for another model with as many couplings, none for the rest."""
    first = {call for block in BLOCKS for call in list(block)[:1]}
    for call, number in counted.items():
        other_model = "model=" in call
        if call in first:
            assert number <= (5 if "expected" in call else 12), call
        elif call != "import":
            assert number <= (2 if other_model else 0), call
