"""HS3 documents, evaluated by a reader that knows the standard and nothing of cevnsjax, and by pyhs3 if it is there."""

import functools
import json
import math
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scattering import quick

import cevnsjax
from cevnsjax.cli import main
from cevnsjax.errors import InputError
from cevnsjax.experiments import copy_experiment
from cevnsjax.exporting.expressions import number

POINTS = 40

# What section 3.1 of the standard, version 0.2.9, names: nothing else may occur in an expression.
OPERATIONS = {
    "exp": math.exp, "log": math.log, "sqrt": math.sqrt, "abs": abs, "pow": pow, "min": min, "max": max,
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "PI": math.pi, "EULER": math.e,
}  # fmt: skip


@functools.cache
def compiled(expression: str) -> Any:
    assert "**" not in expression  # a power is ^ in the standard
    assert not re.search(r"\w \(", expression)  # no space between a function and its arguments
    return compile(expression.replace("^", "**"), "HS3", "eval")


class Reader:
    """Evaluates -2 log L of a document at values of its parameters."""

    def __init__(self, document: Mapping[str, Any]):
        self.document = document
        names = [entry["name"] for key in ("functions", "distributions") for entry in document[key]]
        assert len(set(names)) == len(names), "names are unique"
        self.functions = {f["name"]: f for f in document["functions"]}
        self.distributions = {d["name"]: d for d in document["distributions"]}
        assert all(f["type"] == "generic_function" for f in document["functions"])

    def value(self, given: float | str, scope: dict[str, float]) -> float:
        if not isinstance(given, str):
            return given
        if given not in scope:
            code = compiled(self.functions[given]["expression"])
            inner = {name: self.value(name, scope) for name in code.co_names if name not in OPERATIONS}
            scope[given] = eval(code, {"__builtins__": {}}, OPERATIONS | inner)
        return scope[given]

    def minus_two_log(self, parameters: Mapping[str, float]) -> float:
        (analysis,) = self.document["analyses"]
        (start,) = [p for p in self.document["parameter_points"] if p["name"] == analysis["init"]]
        scope = {p["name"]: p["value"] for p in start["parameters"]} | dict(parameters)
        (likelihood,) = [k for k in self.document["likelihoods"] if k["name"] == analysis["likelihood"]]
        total = []
        for name, datum in zip(likelihood["distributions"], likelihood["data"], strict=True):
            d = self.distributions[name]
            mean = self.value(d["mean"], scope)
            if d["type"] == "gaussian_dist":
                sigma = self.value(d["sigma"], scope)
                total.append(((datum - mean) / sigma) ** 2 + math.log(2 * math.pi * sigma**2))
            else:
                assert d["type"] == "poisson_dist"
                assert datum == int(datum)
                if mean <= 0:
                    return math.inf
                total.append(-2 * (datum * math.log(mean) - mean - math.lgamma(datum + 1)))
        return math.fsum(total)


def random_points(document: Mapping[str, Any], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Values within the domain: about the start, by a few steps of the file's own second check."""
    first, second = (check["parameters"] for check in document["misc"]["cevnsjax"]["checks"])
    axes = {axis["name"]: axis for axis in document["domains"][0]["axes"]}
    fixed = {p["name"] for p in document["parameter_points"][0]["parameters"] if p.get("const")}
    columns = {}
    for name, centre in first.items():
        width = 0.0 if name in fixed else 2 * abs(second[name] - centre) or 0.05 * abs(centre)
        columns[name] = np.clip(rng.normal(centre, width, POINTS), axes[name]["min"], axes[name]["max"])
    return columns


CASES = {
    "gaussian": (["conus_plus"], "sm", "default", {}, None),
    "detailed, a norm freed": (["conus_plus"], "sm", "detailed", {}, ["sin2_theta_w", "norm"]),
    "counts": (["coherent_csi"], "sm", "default", {}, None),
    "morphed templates, a nuisance fixed": (["coherent_lar"], "sm", "detailed", {"sns_flux": 1.05}, None),
    "grids": (["xenonnt_b8"], "sm", "default", {}, None),
    "two couplings": (["coherent_csi"], "nsi_vector", "rates", {"eps_mumu_uv": 0.05}, None),
    "a coupling's square": (["conus_plus"], "vector_bl", "default", {"m_z": 50.0}, None),
    "a combination": (["coherent"], "sm", "default", {}, None),
    "formulas, lines of a fixed shape": (
        ["dresden2"], "sm", "default", {"L1_centre": 1297.0, "L1_width": 78.0}, None
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_reader_of_the_standard_agrees(case: str) -> None:
    experiments, model, systematics, values, free = CASES[case]
    likelihood = cevnsjax.Likelihood(*experiments, model=model, systematics=systematics)
    document = json.loads(json.dumps(cevnsjax.export(likelihood, "hs3", values=values, free=free), allow_nan=False))
    reader, columns = Reader(document), random_points(document, np.random.default_rng(11))
    fixed = {name: value for name, value in values.items() if name not in columns}
    expected = np.asarray(
        quick(jax.vmap(lambda point: likelihood.chi2({**fixed, **point})))(
            {name: jnp.asarray(column) for name, column in columns.items()}
        )
    )
    found = [reader.minus_two_log({name: float(c[i]) for name, c in columns.items()}) for i in range(POINTS)]
    finite = np.isfinite(expected)
    assert finite.mean() > 0.5
    assert (np.isfinite(found) == finite).all()
    start = reader.minus_two_log({}) - float(
        likelihood.chi2({**fixed, **document["misc"]["cevnsjax"]["checks"][0]["parameters"]})
    )
    np.testing.assert_allclose(np.array(found)[finite] - start, expected[finite], rtol=1e-9, atol=1e-9)


def test_the_document_is_complete() -> None:
    """Each name that is used is defined, and each parameter has a place in the domain and at the start."""
    document = cevnsjax.export(cevnsjax.Likelihood("coherent_csi"), "hs3", values={"sns_flux": 1.1})
    assert document["metadata"]["hs3_version"] == "0.2.9"
    used = {name for f in document["functions"] for name in compiled(f["expression"]).co_names} - set(OPERATIONS)
    used |= {d["mean"] for d in document["distributions"]}
    (domain,), (start,), (analysis,) = document["domains"], document["parameter_points"], document["analyses"]
    parameters = {axis["name"] for axis in domain["axes"]}
    assert used == parameters | {f["name"] for f in document["functions"]}
    assert {p["name"] for p in start["parameters"]} == parameters
    assert [p for p in start["parameters"] if p.get("const")] == [{"name": "sns_flux", "value": 1.1, "const": True}]
    assert analysis["parameters_of_interest"] == ["sin2_theta_w"]
    assert (domain["name"], start["name"]) == (analysis["domain"], analysis["init"])
    assert all(axis["min"] < axis["max"] for axis in domain["axes"])
    (likelihood,) = document["likelihoods"]
    assert likelihood["name"] == analysis["likelihood"]
    assert likelihood["distributions"] == [d["name"] for d in document["distributions"]]
    assert len(likelihood["data"]) == 99 + 7


@pytest.fixture(scope="module")
def steep(tmp_path_factory: pytest.TempPathFactory) -> cevnsjax.Likelihood:
    """CONUS+ with an energy scale that is known badly: its polynomial needs a high degree."""
    folder = tmp_path_factory.mktemp("steep")
    copy_experiment("conus_plus", folder)
    text = (folder / "experiment.toml").read_text()
    head, *nuisances = re.split(r"(?=\[\[nuisance\]\]\n)", text)
    (shift,) = [n for n in nuisances if 'name = "energy_shift"' in n]
    (folder / "experiment.toml").write_text(head + re.sub(r"sigma = 5\.5\b", "sigma = 28.0", shift))
    return cevnsjax.Likelihood(folder / "experiment.toml", systematics="detailed")


def test_polynomials_of_high_degree_keep_their_digits(steep: cevnsjax.Likelihood) -> None:
    document = json.loads(json.dumps(cevnsjax.export(steep, "hs3")))
    (x,) = [f["name"] for f in document["functions"] if f["name"].endswith("_x0")]
    degrees = [int(f["name"].rpartition("_t")[2]) for f in document["functions"] if f["name"].startswith(f"{x}_t")]
    assert max(degrees) >= 24
    (axis,) = [a for a in document["domains"][0]["axes"] if a["name"] == "energy_shift"]
    reader, start = Reader(document), document["misc"]["cevnsjax"]["checks"][0]
    places = np.concatenate([np.linspace(axis["min"], axis["max"], 30), [0.999 * axis["min"], 0.999 * axis["max"]]])
    expected = np.asarray(
        quick(jax.vmap(lambda shift: steep.chi2({**start["parameters"], "energy_shift": shift})))(places)
    )
    constant = reader.minus_two_log({}) - start["chi2"]
    for shift, chi2 in zip(places, expected, strict=True):
        scope = {"energy_shift": float(shift)}
        place = reader.value(x, scope)
        assert reader.minus_two_log({"energy_shift": float(shift)}) - constant == pytest.approx(chi2, rel=1e-9)
        for degree in degrees:  # the error grows as the degree's square
            t = reader.value(f"{x}_t{degree}", scope)
            assert t == pytest.approx(math.cos(degree * math.acos(max(-1.0, min(1.0, place)))), abs=1e-15 * degree**2)


@pytest.mark.parametrize("value", [0.1, -2.5e-17, 1e22, 1e-5, 3.0, -1e300])
def test_numbers_keep_their_digits(value: float) -> None:
    assert eval(number(value)) == value
    assert re.fullmatch(r"\(?-?\d+\.\d+(e[+-]?\d+)?\)?", number(value))


@pytest.mark.parametrize(
    ("experiment", "message"),
    [
        ("conus:C1R1", "conus:C1R1 has counts that are no whole numbers (expected: sm data), for which HS3"),
        ("dresden2", "which needs the error function, and HS3 has none; fix it at a value, or export to json"),
    ],
)
def test_what_has_no_exact_form_is_refused(experiment: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        cevnsjax.export(cevnsjax.Likelihood(experiment), "hs3")


def test_the_command_writes_a_file_that_can_be_made_again(tmp_path, capsys) -> None:
    file = tmp_path / "hs3.json"
    with pytest.raises(SystemExit) as left:
        main(["export", "conus_plus", "--to", "hs3", "--set", "sin2_theta_w=0.24", "--out", str(file)])
    assert not left.value.code
    assert re.fullmatch(
        rf"wrote {re.escape(str(file))} \(functions: \d+, distributions: 20\)\n", capsys.readouterr().out
    )
    document = json.loads(file.read_text())
    own = document["misc"]["cevnsjax"]
    about = {key: own.pop(key) for key in ("notes", "provenance")}
    assert document == cevnsjax.rerun(about["provenance"])


def test_pyhs3_agrees() -> None:
    """Some cells and a constraint: pyhs3 compiles each for seconds, and takes data as parameters only."""
    pyhs3 = pytest.importorskip("pyhs3")
    document = json.loads(json.dumps(cevnsjax.export(cevnsjax.Likelihood("conus_plus", systematics="detailed"), "hs3")))
    (terms,) = document["likelihoods"]
    data = {d["x"]: value for d, value in zip(document["distributions"], terms["data"], strict=True)}
    kept = {key: document[key] for key in ("metadata", "functions", "distributions", "domains")}
    points = [{"name": name, "value": value} for name, value in data.items()]
    points += document["parameter_points"][0]["parameters"]
    workspace = pyhs3.Workspace(**kept, parameter_points=[{"name": "start", "parameters": points}])
    model = workspace.model(0, progress=False)
    columns = random_points(document, np.random.default_rng(5))
    for index in (0, 18, 19):
        distribution = document["distributions"][index]
        terms |= {"distributions": [distribution["name"]], "data": [data[distribution["x"]]]}
        reader = Reader(document)
        for i in range(3):
            point = {name: float(c[i]) for name, c in columns.items()}
            values = {name: np.asarray(value) for name, value in {**data, **point}.items()}
            found = -2 * float(model.logpdf(distribution["name"], **values))
            assert found == pytest.approx(reader.minus_two_log(point), rel=1e-9)
