"""Models of a user's own, from a Python file: FILE.py:NAME in place of a name."""

import json
from pathlib import Path

import numpy as np
import pytest

import cevnsjax
from cevnsjax.cli import main
from cevnsjax.errors import InputError
from cevnsjax.interactions import model

HEAD = """
import jax.numpy as jnp
from cevnsjax.interactions import Interaction, Model, StandardModel
from cevnsjax.parameters import Parameter

STRENGTH = Parameter("c_n", 0.0, 1e-2, unit="GeV", power=1)
MASS = Parameter("m_x", 5.0, 1.0)
"""

GOOD = """
class Contact(Interaction):
    parameters = (MASS, STRENGTH)

    def nuclear_charge(self, params, recoil, flavour, final):
        same = final == flavour.lepton
        return params["c_n"] / params["m_x"] * recoil.nucleus.N if same else 0.0

contact = Contact()

def made():
    return contact

whole = Model("whole", "a model of its own", (StandardModel(), contact), ("sin2_theta_w",))
"""

WRONG = {
    "syntax": ("x = 1\nif x\n", "x", r"'.*my_models.py', line 2: SyntaxError: expected ':'$"),
    "raises": ("x = 1\n\nx / 0\n", "x", r"my_models.py', line 3: ZeroDivisionError: division by zero$"),
    "exits": ("import sys\nsys.exit('enough')\n", "x", r"my_models.py', line 2: SystemExit: enough$"),
    "imports": ("import nowhere_at_all\n", "x", r"line 1: ModuleNotFoundError: No module named 'nowhere_at_all'$"),
    "in a function": ("def made():\n    return {}['a']\n", "made", r"my_models.py', line 2: KeyError: 'a'$"),
    "needs arguments": ("def made(a):\n    return a\n", "made", r"TypeError: made\(\) missing 1 required"),
    "a number": ("x = 3\n", "x", r"is of type int: give an Interaction, a Model, or a function of one$"),
    "no such name": (GOOD, "contacts", r"has no 'contacts'; it has Contact, contact, made, whole$"),
    "a shape": (
        "class C(Interaction):\n    def nuclear_terms(self, params, recoil, flavour):\n        return jnp.ones(2)\n",
        "C", r"C.nuclear_terms returns arrays of shapes \(\(2,\),\); it must return the three coefficients c_n$",
    ),
    "a key": (
        "class C(Interaction):\n    def nuclear_charge(self, params, recoil, flavour, final):\n"
        "        return params['c_x']\n",
        "C", r"my_models.py', line \d+: KeyError: 'c_x'$",
    ),
    "parameters": ("class C(Interaction):\n    parameters = ('c_n',)\n", "C", r"must be a tuple of Parameter$"),
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "my_models.py"


@pytest.mark.parametrize("name", ["Contact", "contact", "made", "whole"])
def test_an_interaction_beside_the_standard_model(file: Path, conus_plus, name: str) -> None:
    file.write_text(HEAD + GOOD)
    text = f"my_models.py:{name}"
    found = model(text)
    assert found.name == text
    assert len(found.digest) == 64
    assert [p.name for p in found.parameters] == ["sin2_theta_w", "m_x", "c_n"]
    assert found.free == (("sin2_theta_w",) if name == "whole" else ("c_n",))
    likelihood = cevnsjax.Likelihood(conus_plus, model=text, channel="cevns")
    standard = cevnsjax.Likelihood(conus_plus, channel="cevns")
    np.testing.assert_allclose(likelihood.expected({}), standard.expected({}), rtol=1e-12)
    # Of neutrinos on N neutrons, with the sign of Q_V: -N/2 becomes N (c - 1/2), but for the protons' small share.
    more = np.asarray(likelihood.expected({"c_n": -0.5, "m_x": 1.0}) / standard.expected({}))
    protons = 0.5 - 2 * 0.23857
    neutrons = 40.6 / 32
    exact = ((protons - neutrons) / (protons - neutrons / 2)) ** 2
    np.testing.assert_allclose(more, exact, rtol=2e-3)


def test_what_the_package_has_is_the_same_from_a_file(file: Path, conus_plus) -> None:
    """An interaction of the package's own, imported in the file, predicts what it does by itself."""
    file.write_text("from cevnsjax.interactions import MODELS\nbl = MODELS['vector_bl']\n")
    values = {"g_bl": 1e-5}
    by_file = cevnsjax.Likelihood(conus_plus, model="my_models.py:bl").expected(values)
    np.testing.assert_array_equal(by_file, cevnsjax.Likelihood(conus_plus, model="vector_bl").expected(values))


def test_modules_beside_the_file(file: Path, tmp_path: Path) -> None:
    (tmp_path / "beside_the_models.py").write_text(HEAD + GOOD)
    file.write_text("from beside_the_models import contact\n")
    assert model("my_models.py:contact").free == ("c_n",)


def test_a_changed_file_is_read_again(file: Path) -> None:
    file.write_text(HEAD + GOOD)
    first = model("my_models.py:contact")
    file.write_text((HEAD + GOOD).replace("c_n", "c_p"))
    second = model("my_models.py:contact")
    assert (first.free, second.free) == (("c_n",), ("c_p",))
    assert first.digest != second.digest


def test_free_where_no_parameter_has_a_power(file: Path) -> None:
    file.write_text(HEAD + "class C(Interaction):\n    parameters = (MASS,)\n")
    assert model("my_models.py:C").free == ("m_x",)


@pytest.mark.parametrize(("body", "name", "message"), WRONG.values(), ids=WRONG)
def test_mistakes_in_the_file(file: Path, body: str, name: str, message: str) -> None:
    needs_head = "Interaction" in body
    file.write_text(HEAD + body if needs_head else body)
    with pytest.raises(InputError, match=message):
        model(f"my_models.py:{name}")


@pytest.mark.parametrize(
    "text", ["my_models.py", "my_models.py:", "my_models.py:a-b", "nowhere.py:x", "/dev/null.py:x"]
)
def test_no_such_model(file: Path, text: str) -> None:
    file.write_text(HEAD + GOOD)
    with pytest.raises(InputError, match=r"is no model: give FILE.py:NAME|cannot read the file"):
        model(text)


def test_an_error_while_it_is_used(file: Path, capsys) -> None:
    """What the file raises only when counts are calculated ends in one line, too."""
    file.write_text(
        HEAD
        + """
class C(Interaction):
    parameters = (STRENGTH,)

    def nuclear_charge(self, params, recoil, flavour, final):
        calls.append(1)
        if len(calls) > 1:
            raise RuntimeError("not twice")
        return 0.0

calls = []
"""
    )
    with pytest.raises(SystemExit) as left:
        main(["predict", "conus_plus", "--model", "my_models.py:C"])
    assert left.value.code == 2
    assert capsys.readouterr().err == f"cevnsjax: '{file.resolve()}', line 15: RuntimeError: not twice\n"


def test_by_the_command_line(file: Path, capsys) -> None:
    file.write_text(HEAD + GOOD)
    with pytest.raises(SystemExit) as left:
        main(["predict", "conus_plus", "--model", "my_models.py:contact", "--set", "c_n=0.1", "--json"])
    assert left.value.code == 0
    content = json.loads(capsys.readouterr().out)
    assert content["model"] == "my_models.py:contact"
    assert content["provenance"]["model"]["digest"] == model("my_models.py:contact").digest
