"""Documents of likelihoods, evaluated by the reader that the documentation prints, which knows nothing of cevnsjax."""

import json
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scattering import quick

import cevnsjax
from cevnsjax.cli import main, output
from cevnsjax.errors import InputError

PAGE = Path(__file__).parent.parent / "docs" / "export.md"
POINTS = 100


@pytest.fixture(scope="module")
def reader():
    """The names that the code of the page defines."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert re.findall(r"^import (\w+)", code, flags=re.MULTILINE) == ["json", "math", "numpy"]
    names: dict = {}
    exec(compile(code, str(PAGE), "exec"), names)
    return names


def random_points(document, rng):
    """Values of all variables within their limits: couplings within two steps, nuisances within some widths."""
    columns = {}
    for c in document["couplings"]:
        low, high = (end if end is not None else np.inf * sign for end, sign in zip(c["limits"], (-1, 1), strict=True))
        columns[c["name"]] = rng.uniform(
            max(low, c["value"] - 2 * c["step"]), min(high, c["value"] + 2 * c["step"]), POINTS
        )
    for n in document["nuisances"]:
        low, high = (end if end is not None else np.inf * sign for end, sign in zip(n["limits"], (-1, 1), strict=True))
        width = 0.1 * (abs(n["centre"]) or 1.0) if n["sigma"] is None else 1.5 * n["sigma"]
        values = np.clip(rng.normal(n["centre"], width, POINTS), low, high)
        columns[n["name"]] = np.full(POINTS, n["value"]) if n["fixed"] else values
    return columns


CASES = {
    "conus_plus": (["conus_plus"], "sm", "default", {}, None),
    "conus_plus, detailed": (["conus_plus"], "sm", "detailed", {}, ["sin2_theta_w", "norm"]),
    "csi": (["coherent_csi"], "sm", "default", {}, None),
    "lar, its templates morphed": (["coherent_lar"], "sm", "detailed", {"sns_flux": 1.05}, None),
    "xenon, on grids": (["xenonnt_b8"], "sm", "default", {}, None),
    "two couplings": (["coherent_csi"], "nsi_vector", "default", {"eps_mumu_uv": 0.05}, None),
    "a mediator": (["conus_plus"], "vector_bl", "default", {"m_z": 50.0}, None),
    "a combination": (["coherent"], "sm", "default", {}, None),
    "formulas that move, on and off": (["conus"], "sm", "default", {}, None),
    "lines with followers, moved": (["dresden2"], "sm", "default", {}, None),
    "a moved number beyond its range": (["conus_plus"], "sm", "detailed", {"quenching_k": 0.25}, None),
}


@pytest.mark.parametrize("case", CASES)
def test_the_reader_of_the_page_agrees(case, reader, tmp_path):
    experiments, model, systematics, values, free = CASES[case]
    likelihood = cevnsjax.Likelihood(*experiments, model=model, systematics=systematics)
    file = tmp_path / "likelihood.json"
    file.write_text(json.dumps(cevnsjax.export(likelihood, values=values, free=free), allow_nan=False))
    document = reader["read"](file)
    columns = random_points(document, np.random.default_rng(7))
    fixed = {name: value for name, value in values.items() if name not in columns}
    if "beyond" in case:
        fixed["quenching_k"] = columns.pop("quenching_k")[0]  # a traced value outside the range has no polynomial
    expected = quick(jax.vmap(lambda point: likelihood.chi2({**fixed, **point})))(
        {name: jnp.asarray(column) for name, column in columns.items()}
    )
    found = [
        reader["chi2"](document, {name: float(column[i]) for name, column in columns.items()}) for i in range(POINTS)
    ]
    # A morph may make counts negative, where chi-squared is infinite.
    assert np.isfinite(expected).mean() > 0.5
    assert not np.isnan(expected).any()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_the_reader_refuses_what_the_polynomial_does_not_hold_for(reader):
    document = cevnsjax.export(cevnsjax.Likelihood("coherent_csi"))
    assert reader["chi2"](document, {"quenching_0": 3.0}) > 0
    with pytest.raises(ValueError, match="outside the range"):
        reader["chi2"](document, {"quenching_0": 3.01})


def test_a_document_says_what_was_fixed():
    likelihood = cevnsjax.Likelihood("coherent_csi", model="vector_bl")
    document = cevnsjax.export(likelihood, values={"m_z": 50.0, "sns_flux": 1.1})
    assert document["model"] == {"name": "vector_bl", "fixed": {"sin2_theta_w": pytest.approx(0.23857), "m_z": 50.0}}
    flux = next(n for n in document["nuisances"] if n["name"] == "sns_flux")
    assert (flux["fixed"], flux["value"], flux["centre"], flux["sigma"]) == (True, 1.1, 1.0, 0.1)
    assert [c["name"] for c in document["couplings"]] == ["g_bl"]


@pytest.mark.parametrize(
    ("model", "request_", "message"),
    [
        ("sm", {"to": "hs4"}, "unknown format 'hs4'; did you mean 'hs3'? (known: json, pyhf, hs3)"),
        ("sm", {"values": {"sin2": 0.2}}, "unknown parameter 'sin2'"),
        ("sm", {"free": ["g_bl"]}, "unknown parameter 'g_bl'"),
        ("vector_bl", {"free": ["g_bl", "m_z"]}, "counts are no polynomial in 'm_z': fix it at a value"),
        ("sm", {"free": ["sin2_theta_w"], "values": {"sin2_theta_w": 0.2}}, "both free and fixed at 0.2"),
        ("sm", {"to": "pyhf"}, "conus_plus has Gaussian data, and pyhf knows counts only; export it to json"),
    ],
)
def test_errors_say_what_would_be_right(model, request_, message):
    with pytest.raises(InputError, match=re.escape(message)):
        cevnsjax.export(cevnsjax.Likelihood("conus_plus", model=model), **request_)


def run(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main(["export", *map(str, words)])
    captured = capsys.readouterr()
    return left.value.code, captured.out, captured.err


def test_the_command_writes_a_file_that_can_be_made_again(reader, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(output, "DELAY", 1e6)  # no word of progress on a slow machine
    file = tmp_path / "csi.json"
    status, out, err = run(capsys, "coherent_csi", "--systematics", "rates", "--set", "sns_flux=1.1", "--out", file)
    assert (status, err) == (0, "")
    assert out == f"wrote {file} (couplings: sin2_theta_w; nuisances: 5; terms: 1)\n"
    document = reader["read"](file)
    again = cevnsjax.rerun(document["provenance"])
    assert {**again, "notes": document["notes"], "provenance": document["provenance"]} == document


def test_the_command_writes_a_workspace_and_its_provenance(tmp_path, capsys):
    file = tmp_path / "lar.json"
    status, out, _ = run(capsys, "coherent_lar", "--to", "pyhf", "--out", file, "--json")
    assert status == 0
    beside = tmp_path / "lar.provenance.json"
    assert json.loads(out)["files"] == [str(file), str(beside)]
    assert json.loads(file.read_text()) == cevnsjax.rerun(json.loads(beside.read_text())["provenance"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["conus_plus", "--to", "hs4"], "unknown format 'hs4'; did you mean 'hs3'? (known: json, pyhf, hs3, hepdata)"),
        (["conus_plus", "--to", "pyhf"], "conus_plus has Gaussian data, and pyhf knows counts only; export it to json"),
        (["coherent_csi", "--to", "pyhf", "--free", "norm"], "--free is of the format json"),
        (["conus_plus", "--free", "g_bl"], "unknown parameter 'g_bl'"),
        (["nothing"], "unknown experiment 'nothing'"),
        (["nothing", "--to", "hepdata"], "there is no folder 'nothing'"),
        (["nothing", "--to", "hepdata", "--set", "norm=1"], "--to hepdata takes a folder and --out"),
        (["one", "two", "--to", "hepdata"], "2 folders given, one, two; give one"),
    ],
)
def test_wrong_commands_end_in_one_line(words, message, tmp_path, capsys):
    status, out, err = run(capsys, *words, "--out", tmp_path / "x.json")
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_target_that_cannot_be_written_is_refused_first(tmp_path, capsys):
    (tmp_path / "x.provenance.json").mkdir()
    for words in (["--out", tmp_path / "none" / "x.json"], ["--to", "pyhf", "--out", tmp_path / "x.json"]):
        status, _, err = run(capsys, "unknown_experiment", *words)
        assert status == 2
        assert err.startswith("cevnsjax: cannot write")
