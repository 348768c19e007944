"""The documentation's own code, run as it stands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def python_blocks(page: str) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL))


def test_a_new_interaction_is_one_short_class(likelihood) -> None:
    code = python_blocks("docs/interactions.md")
    body = re.search(r"class NeutronContact.*?(?=\n\n\n)", code, flags=re.DOTALL)
    assert body is not None
    assert body.group().count("\n") < 40
    names: dict = {}
    exec(compile(code, "docs/interactions.md", "exec"), names)
    pieces = names["result"].intervals["eps_n"]
    # chi^2 depends on Q_V^2 alone, up to the spread of the isotopes: two pieces, mirrored at -Q_V / N.
    centre = sum(end for piece in pieces for end in piece) / (2 * len(pieces))
    germanium = (32 * (0.5 - 2 * 0.23857) - 40.71 / 2) / 40.71
    assert centre == pytest.approx(-germanium, rel=0.01)
    assert names["likelihood"].chi2({}) == pytest.approx(float(likelihood.chi2({})), rel=1e-12)


def test_the_readme_example(capsys) -> None:
    exec(compile(python_blocks("README.md"), "README.md", "exec"), {})
    assert "FitResult(best_fit={'sin2_theta_w': 0.258" in capsys.readouterr().out
