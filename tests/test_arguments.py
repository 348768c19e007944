"""Every argument of every public function refuses what is of the wrong kind, in one line, before any work.

The calls are made in a process of their own: the tests' own check of all annotations would answer first here.
"""

import inspect
import json
import os
import subprocess
import sys

import pytest

import cevnsjax
from cevnsjax.errors import LONGEST, InputError, shown, unknown_name

# Values that are wrong by the name of an argument, as Python would write them.
TEXT = ["3", "None", "['norm']", "set()", "array([1.0, 2.0])"]
NUMBER = ["'0.9'", "None", "True", "[0.9]", "1j", "array([0.9, 0.8])", "10**400", "float('nan')", "-1.0"]
WHOLE = ["2.5", "'9'", "None", "True", "[9]", "array([9, 9])", "-1", "10**30", "10**5000"]
NAMES = ["3", "'norm'", "[1]", "[None]", "{1}", "array([1.0, 2.0])", "['nobody']"]
PATH = ["3", "None", "1.5", "['here']", "{}"]
AXIS = [
    "3", "None", "'norm'", "('norm', 0.5, 1.5)", "('norm', '0.5', 1.5, 3)", "('norm', 0.5, 1.5, 3.0)",
    "(3, 0.5, 1.5, 3)", "(None, 0.5, 1.5, 3)", "('norm', array([0.5, 0.6]), 1.5, 3)", "('norm', 0.5, 10**400, 3)",
]  # fmt: skip
VALUES = [
    "3", "'norm'", "['norm']", "array([1.0, 2.0])", "{1: 2.0}", "{'norm': '1'}", "{'norm': None}", "{'norm': 1j}",
    "{'norm': True}", "{'norm': {}}", "{'norm': [1.0, 2.0]}", "{'norm': array([1.0, 2.0])}", "{'norm': 10**400}",
    "{'nobody': 1.0}",
]  # fmt: skip
LIKELIHOOD = ["3", "None", "{}", "[3]", "['conus_plus', None]", "array([1.0])", "1j"]
# Of each argument something that is right, and what is wrong.
ARGUMENTS = {
    "likelihood": ("L", LIKELIHOOD),
    "given": ("L", LIKELIHOOD),
    "values": ("{}", VALUES),
    "params": ("{'norm': 1.0}", [*VALUES, "None"]),
    "free": ("None", NAMES),
    "names": ("['norm']", NAMES),
    "of": ("None", NAMES),
    "over": ("'sin2_theta_w'", TEXT),
    "name": ("'norm'", TEXT),
    "model": ("'sm'", ["3", "['sm']", "set()", "'nobody'"]),
    "to": ("'json'", TEXT),
    "sampler": ("'nuts'", TEXT),
    "cl": ("0.9", NUMBER),
    "background": ("1.0", NUMBER),
    "systematics": ("1.0", NUMBER),
    "exposures": ("[1.0]", ["3", "None", "'12'", "[]", "['1']", "[None]", "[1j]", "[float('nan')]"]),
    "limits": ("None", ["3", "'12'", "(1.0,)", "('0', 1.0)", "(0.1, None)", "(0.1, array([0.2, 0.3]))"]),
    "x": ("('sin2_theta_w', 0.1, 0.4, 3)", AXIS),
    "y": ("('norm', 0.5, 1.5, 3)", AXIS),
    "dof": ("2", WHOLE),
    "points": ("3", WHOLE),
    "seed": ("0", WHOLE),
    "toys": ("100", WHOLE),
    "chains": ("1", WHOLE),
    "samples": ("10", WHOLE),
    "warmup": ("100", WHOLE),
    "sets": ("10", WHOLE),
    "draws": ("99", WHOLE),
    "thin": ("1", WHOLE),
    "priors": ("{}", ["3", "'flat'", "['flat']", "{'sin2_theta_w': 3}", "{'sin2_theta_w': 'flat:0:1'}", "{1: 2}"]),
    "fit": ("None", ["3", "'norm'", "{}"]),
    "overrides": ("{}", ["3", "'source'", "['source']", "{1: 2}"]),
    "threshold": ("None", ["'low'", "[200.0]", "1j"]),
    "folder": ("'here'", ["3", "1.5", "['here']", "{}"]),
    "provenance": ("{}", ["3", "None", "'fit'", "{}"]),
}

OWN = {
    ("consistency", "likelihood"): "['conus_plus', 'dresden2']",
    ("copy_experiment", "name"): "'conus_plus'",
    ("load_experiment", "name"): "'conus_plus'",
    ("load_runs", "name"): "'conus:C1R1'",
    ("model", "name"): "'sm'",
}
"""What is right for single functions."""

NOT_GIVEN = {"advance", "spread", "kept", "progress"}
"""What programs give, not people."""

OPTIONAL = {("significance", "toys"): "None", ("feldman_cousins", "y"): "None"}
"""Values that are wrong elsewhere."""

FUNCTIONS = {
    name: [a for a in inspect.signature(getattr(cevnsjax, name)).parameters if a not in NOT_GIVEN | {"experiments"}]
    for name in cevnsjax.__all__
    if inspect.isfunction(getattr(cevnsjax, name))
}


def calls_of(name: str) -> list[str]:
    """Return calls of a function with one argument wrong."""
    right = {a: OWN.get((name, a), ARGUMENTS[a][0]) for a in FUNCTIONS[name]}
    wrong = [(a, value) for a in right for value in ARGUMENTS[a][1] if OPTIONAL.get((name, a)) != value]
    given = [right | {argument: value} for argument, value in wrong]
    return [f"cevnsjax.{name}({', '.join(f'{a}={value}' for a, value in one.items())})" for one in given]


# Methods and classes.
CALLS = {
    "Likelihood": [
        *(f"cevnsjax.Likelihood({value})" for value in LIKELIHOOD),
        *(
            f"cevnsjax.Likelihood('conus_plus', {key}={value})"
            for key in ("model", "channel", "pull", "systematics")
            for value in TEXT
        ),
    ],
    "chi2": [
        f"L.{method}({value})" for value in [*VALUES, "None"] for method in ("chi2", "log_likelihood", "expected")
    ],
    "toys": [
        *(f"L.toys(jax.random.key(0), {value})" for value in WHOLE),
        *(f"L.toys({value}, 3)" for value in ("0", "None", "'key'", "1j")),
        *(f"L.toys(jax.random.key(0), 3, {value})" for value in VALUES),
    ],
    "with_data": [
        *(f"L.with_data({value})" for value in ("3", "None", "[]", "['a']", "[[1.0, 2.0]]", "[None]", "[[[1.0], 2]]")),
        "L.with_data([L.experiments[0].observed * float('nan')])",
    ],
    "Prior": [
        *(f"cevnsjax.Prior({value}, (0.0, 1.0))" for value in TEXT),
        *(f"cevnsjax.Prior('flat', {value})" for value in ("3", "None", "'01'", "('0', 1.0)", "(None, 1.0)", "(1.0,)")),
    ],
    "overrides": [
        f"cevnsjax.load_experiment('conus_plus', {{'{key}': {value}}})"
        for key in ("format", "nuisance", "detectors", "source.power_GW", "target.elements", "name")
        for value in ("-3", "{}", "[3]", "array([1, 2])", "10**5000")
    ],
    **{name: calls_of(name) for name in FUNCTIONS},
    "cite of": [f"cevnsjax.cite({value})" for value in ["'nobody'", *LIKELIHOOD]],
}

MESSAGES = {
    "L.chi2(None)": "parameters are given as a dict of names and values, not as NoneType",
    "L.chi2([0.2])": "parameters are given as a dict",
    "L.chi2({1: 2.0})": "the name of a parameter must be a text, not 1",
    "L.chi2({'norm': True})": "norm = True is not a real number",
    "L.chi2({'norm': None})": "norm = None is not a real number",
    "L.chi2({'norm': 1j})": "norm = 1j is not a real number",
    "cevnsjax.Likelihood(3)": "by its name or the path of a TOML file, not as int",
    "cevnsjax.Likelihood(['conus_plus'])": "by its name or the path of a TOML file, not as list",
    "cevnsjax.Likelihood('conus_plus', model=None)": "a model is given by its name",
    "cevnsjax.Likelihood('conus_plus', channel=None)": "unknown channel 'None'",
    "cevnsjax.load_experiment(None)": "by its name or the path of a TOML file, not as NoneType",
    "cevnsjax.load_experiment('conus_plus', ['source'])": "overrides are a dict",
    "cevnsjax.load_experiment('conus_plus', {1: 2})": "overrides are a dict",
    "cevnsjax.load_experiment('conus_plus', {'source.power_GW': 'much'})": "source.power_GW = 'much' is wrong: give a",
    "cevnsjax.load_runs('conus', threshold='low')": "a threshold is a number, not 'low'",
    "cevnsjax.fit(3)": "3 is no likelihood; give the name of an experiment",
    "cevnsjax.fit(L, cl='0.9')": "a confidence level of '0.9' is not possible",
    "cevnsjax.fit(L, cl=0.9999999999999999)": "a confidence level of 0.9999999999999999 is not possible",
    "cevnsjax.fit(L, free='norm')": "give a list of names, ['norm']",
    "cevnsjax.fit(L, free=3)": "list of names",
    "cevnsjax.fit(L, free=[1])": "the name of a parameter must be a text, not 1",
    "cevnsjax.fit(L, values=['norm'])": "dict",
    "cevnsjax.fit(L, values={'norm': '1'})": "norm = '1' is not",
    "cevnsjax.profile(L, 3)": "the name of a parameter must be a text, not 3",
    "cevnsjax.profile(L, 'norm', points=3.0)": "3.0 points given; give a whole number",
    "cevnsjax.profile(L, 'norm', limits=(1.0,))": "two numbers",
    "cevnsjax.scan(V, ('m_z', 1.0, 10.0), ('g_bl', 1e-6, 1e-4, 3))": "the axis ('m_z', 1.0, 10.0) is not possible",
    "cevnsjax.scan(V, ('m_z', 1.0, 10.0, 3.0), ('g_bl', 1e-6, 1e-4, 3))": "3.0 points given for m_z",
    "cevnsjax.scan(V, ('m_z', '1', 10.0, 3), ('g_bl', 1e-6, 1e-4, 3))": "m_z = '1' is not",
    "cevnsjax.feldman_cousins(L, ('sin2_theta_w', 0.1, 0.4))": "the axis ('sin2_theta_w', 0.1, 0.4) is not",
    "cevnsjax.feldman_cousins(L, X, toys=100.0)": "100.0 toys given",
    "cevnsjax.feldman_cousins(L, X, toys=100, seed=1.0)": "a seed of 1.0 is not possible",
    "cevnsjax.feldman_cousins(L, X, toys=100, seed=-1)": "a seed of -1 is not possible",
    "cevnsjax.feldman_cousins(L, X, toys=100, seed=2**32)": "a seed of 4294967296 is not possible",
    "cevnsjax.significance(L, toys=1e3)": "1000.0 toys given",
    "cevnsjax.significance(L, {'norm': 1.0})": "'norm' is the strength that is tested",
    "cevnsjax.sample(L, chains=2.0)": "2.0 chains given",
    "cevnsjax.sample(L, samples='9')": "'9' samples given",
    "cevnsjax.sample(L, seed=None)": "a seed of None is not possible",
    "cevnsjax.sample(L, priors={'sin2_theta_w': 'flat:0:1'})": "Prior",
    "cevnsjax.hessian(L, {})": "derivatives of nothing are not possible",
    "cevnsjax.fisher(L, {})": "derivatives of nothing are not possible",
    "cevnsjax.project(L, 'sin2_theta_w', 1.0)": "exposures",
}
"""Some of the calls, and what the one line must say."""

MESSAGES |= {
    "L.chi2({'norm': array([1.0, 2.0])})": "norm has the shape (2,); give one number, and put jax.vmap outside",
    "single(lambda: L.chi2({}))": "double precision was switched off",
    "single(lambda: L.chi2({'norm': 1.0}))": "double precision was switched off",
    "single(lambda: L.expected({'sin2_theta_w': 0.3}))": "double precision was switched off",
    "single(lambda: cevnsjax.fit(L))": "double precision was switched off",
    "single(lambda: cevnsjax.sample(L, samples=10, warmup=10))": "double precision was switched off",
}

RIGHT = {
    "len(cevnsjax.scan(L, X[:1] + (f64(0.1), 0.4, i64(3)), ('norm', 0.5, 1.5, 3), cl=f64(0.9)).x.values)": "3",
    "float(L.chi2({'norm': f64(1)})) == float(L.chi2({'norm': array(1.0)})) == float(L.chi2({'norm': 1}))": "True",
    "abs(round(float(jax.jit(type(L).chi2, static_argnums=0)(L, {'norm': 1}) - L.chi2({'norm': 1})), 9))": "0.0",
    "jax.vmap(L.chi2)({'norm': array([0.9, 1.0, 1.1])}).shape": "(3,)",
}
"""What must not be refused: numbers of NumPy, which loops over arrays give, and transformations of JAX."""

PROGRAM = """
import json, sys
import jax
from numpy import array, float64 as f64, int64 as i64
import cevnsjax
L = cevnsjax.Likelihood("conus_plus")
V = cevnsjax.Likelihood("conus_plus", model="vector_bl")
X = ("sin2_theta_w", 0.1, 0.4, 3)
def single(call):
    jax.config.update("jax_enable_x64", False)
    try:
        return call()
    finally:
        jax.config.update("jax_enable_x64", True)

found = {}
for call in json.load(sys.stdin):
    try:
        found[call] = ["nothing", repr(eval(call))]
    except Exception as error:
        found[call] = [type(error).__name__, str(error)]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Return the kind of error and the message of each call above."""
    calls = [*(call for group in CALLS.values() for call in group), *MESSAGES, *RIGHT]
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps(calls), capture_output=True, text=True, check=True,
        env=os.environ | {"JAX_PLATFORMS": "cpu"}, cwd=tmp_path_factory.mktemp("arguments"),
    )  # fmt: skip
    return json.loads(run.stdout)


@pytest.mark.parametrize("name", CALLS)
def test_wrong_arguments_are_refused(name: str, answers) -> None:
    """One kind of error, and one line, that begins with what was given or names it."""
    assert CALLS[name]
    for call in CALLS[name]:
        kind, said = answers[call]
        assert kind == "InputError", f"{call}: {kind}: {said}"
        assert "\n" not in said
        assert 15 < len(said) < 600


def test_a_value_is_shown_in_one_line() -> None:
    assert shown("a") == "'a'"
    assert shown(10**5000) == "a number of thousands of digits"
    assert len(shown("x" * 1000)) == LONGEST + 3
    assert str(InputError("two\nlines")) == "two lines"
    assert str(unknown_name("fruit", "appel", ["apple"])).startswith("unknown fruit 'appel'; did you mean 'apple'?")


@pytest.mark.parametrize(("call", "message"), MESSAGES.items(), ids=MESSAGES)
def test_the_line_says_what_is_right(call: str, message: str, answers) -> None:
    kind, said = answers[call]
    assert kind == "InputError", said
    assert message in said


@pytest.mark.parametrize(("call", "result"), RIGHT.items(), ids=RIGHT)
def test_what_is_right_is_not_refused(call: str, result: str, answers) -> None:
    assert answers[call] == ["nothing", result]
