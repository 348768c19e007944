"""The code of the guides, run as it stands, against what follows without it; and `cevnsjax docs`."""

import json
import re
import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

import cevnsjax
from cevnsjax import resources
from cevnsjax.cli import main
from cevnsjax.constants import G_FERMI, W_MASS
from cevnsjax.resources import docs_folder

DOCS = Path(__file__).parents[1] / "docs"
GERMANIUM_Z, GERMANIUM_N = 32, 40.71


def run(page: str) -> dict:
    """Return the names of a page's code, block by block."""
    names: dict = {}
    code = "\n".join(re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL))
    assert code
    exec(compile(code, page, "exec"), names)
    return names


@pytest.fixture(scope="module")
def adding() -> dict:
    return run("adding.md")


def test_an_experiment_of_the_page_predicts(adding) -> None:
    mine = cevnsjax.Likelihood(adding["mine"])
    expected = np.asarray(mine.expected({}))
    assert mine.experiments[0].cells.size == 2
    assert expected[0] > expected[1] > 0
    np.testing.assert_allclose(expected, np.asarray(mine.expected({"flux": 1.0})), rtol=1e-12)
    np.testing.assert_allclose(2 * expected, np.asarray(mine.expected({"flux": 2.0})), rtol=1e-12)


def test_a_source_of_the_page(adding) -> None:
    """Counts are linear in the flux; the class' integral is that of an exponential."""
    source = adding["source"]
    doubled = {**source, "components": [{**source["components"][0], "scale": 2.0}]}
    other = cevnsjax.load_experiment(adding["folder"] / "experiment.toml", {"source": doubled})
    once, twice = (np.asarray(cevnsjax.Likelihood(one).expected({})) for one in (adding["other"], other))
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-12)
    assert float(adding["total"]) == pytest.approx(1e13 * (1 - np.exp(-10.0)), rel=1e-10)
    low, _ = integrate.quad(lambda E: 1e13 * np.exp(-E) / E**2, 2.0, 10.0)
    assert float(adding["component"].fold(lambda E: E**-2, jnp.asarray(2.0))) == pytest.approx(low, rel=1e-10)


def test_a_response_of_the_page(adding) -> None:
    """A constant yield of 0.2 is in place; the slope of the class is the derivative of its visible energy."""
    likelihood = cevnsjax.Likelihood(adding["constant"])
    chain = likelihood.experiments[0].signal.nuclear
    assert float(chain.yields[0].visible(np.array(1e-3))) == pytest.approx(2e-4)
    T, quenching = jnp.asarray(7e-4), adding["quenching"]
    assert float(jax.grad(quenching.visible)(T)) == pytest.approx(float(quenching.slope(T)), rel=1e-12)


def test_an_interaction_of_the_page(adding) -> None:
    """Counts depend on Q_V^2 alone: two allowed pieces, mirrored at -Q_V / Z."""
    ends = [end for piece in adding["result"].intervals["eps_p"] for end in piece]
    charge = GERMANIUM_Z * (0.5 - 2 * 0.23857) - GERMANIUM_N / 2
    assert len(ends) == 4
    assert sum(ends) / 4 == pytest.approx(-charge / GERMANIUM_Z, rel=0.01)


def test_what_comes_from_other_packages(capsys) -> None:
    names = run("coming_from.md")
    # pyCEvNS: epsilon = gu / (2 sqrt2 G_F M^2). A heavy mediator with the converted coupling counts as these NSI do.
    assert float(names["g_z"]) == pytest.approx((names["theirs"] / 2) ** 0.5, rel=1e-12)
    heavy, epsilon = 1e4, 0.05
    theirs = epsilon * 2 * 2**0.5 * G_FERMI * heavy**2
    mediator = cevnsjax.Likelihood("conus_plus", model="vector_universal", channel="cevns")
    contact = cevnsjax.Likelihood("conus_plus", model="nsi_vector", channel="cevns")
    np.testing.assert_allclose(
        mediator.expected({"m_z": heavy, "g_z": float(names["coupling_in_convention"](jnp.sqrt(theirs), 0.5))}),
        contact.expected({"eps_ee_uv": epsilon, "eps_ee_dv": epsilon}),
        rtol=1e-5,
    )
    step = 1e-4
    plus, minus = (np.asarray(names["likelihood"].expected({"eps_ee_uv": 0.1 + s})) for s in (step, -step))
    np.testing.assert_allclose(names["slopes"]["eps_ee_uv"], (plus - minus) / (2 * step), rtol=1e-5)
    assert names["plane"].delta_chi2.shape == (31, 31)
    assert names["fitted"].best_fit["sin2_theta_w"] == pytest.approx(0.258, abs=5e-4)
    # One free factor on a Gaussian signal: least squares in closed form.
    (experiment,) = names["likelihood"].experiments
    signal = np.asarray(names["likelihood"].expected({}))
    weight = signal / experiment.sigma**2
    assert names["significant"].strength == pytest.approx(weight @ experiment.observed / (weight @ signal), rel=1e-6)
    q0 = (weight @ experiment.observed) ** 2 / (weight @ signal)
    assert names["significant"].q0 == pytest.approx(q0, rel=1e-6)


def test_troubleshooting() -> None:
    assert run("troubleshooting.md")["folder"] is not None


def test_converters() -> None:
    """Each line of the page against its own formula."""
    names = run("conventions.md")
    assert float(names["g"]) == pytest.approx(2e-5 / 2**0.5)
    assert float(names["scale"]) == pytest.approx(W_MASS / 1e3 / 0.1**0.5)
    assert float(names["charge"]) == pytest.approx(7.5e-11 * (2e-3 / (2 * 0.51099895)) ** 0.5, rel=1e-6)
    assert float(names["moment"]) == pytest.approx(1e-11 * (0.68 + 4 * 0.30) ** 0.5)


def docs(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["docs", *arguments])
    captured = capsys.readouterr()
    return int(left.value.code or 0), captured.out, captured.err


def test_docs_lists_the_pages(capsys, monkeypatch, tmp_path: Path) -> None:
    status, out, _ = docs(capsys)
    assert not status
    lines = out.splitlines()
    assert lines[0] == f"pages: {docs_folder()}"
    assert any(line.split(maxsplit=1) == ["conventions", "Conventions"] for line in lines)
    content = json.loads(docs(capsys, "--json")[1])
    assert {row["name"] for row in content["pages"]} == {path.stem for path in DOCS.glob("*.md")}
    # Where a site has been built its first page is named, too.
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "cevnsjax" / "resources.py"))
    built = tmp_path / "docs" / "_build" / "html" / "index.html"
    built.parent.mkdir(parents=True)
    (tmp_path / "docs" / "one.md").write_text("text\n\n# One page\n")
    assert docs(capsys)[1].splitlines()[-1] == "site: not built; in a checkout: python -m sphinx docs docs/_build/html"
    built.write_text("")
    assert docs(capsys)[1].splitlines() == [f"pages: {tmp_path / 'docs'}", "  one  One page", f"site: {built}"]


def test_docs_of_one_page(capsys) -> None:
    assert docs(capsys, "toys") == (0, f"{docs_folder() / 'toys.md'}\n", "")
    status, out, err = docs(capsys, "tois")
    assert (status, out) == (2, "")
    assert err.startswith("cevnsjax: unknown page 'tois'; did you mean 'toys'? (known: adding, ")


def test_the_wheel_has_the_pages() -> None:
    """Each page by itself, as what is generated beside them must stay out."""
    settings = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    pages = {f"docs/{path.name}" for path in DOCS.glob("*.md")}
    assert pages == {name for name in included if name.endswith(".md")}
    assert all(target == f"cevnsjax/{name}" for name, target in included.items() if name.startswith("docs/"))
