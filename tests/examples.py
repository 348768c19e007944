"""The examples in docstrings, and how a test runs one of them."""

import ast
import doctest
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import cevnsjax

__all__ = ["EXAMPLES", "check_example", "docstrings_of"]

PACKAGE = Path(cevnsjax.__file__).parent

NAMES = {"cevnsjax": cevnsjax, "jax": jax, "jnp": jnp, "np": np}
"""What each example may take as imported: the docstring of the package tells its readers so."""


def docstrings_of(path):
    """Return the docstrings of a file of the package, by the names of what they document."""
    found = {}

    def visit(node, name):
        if (text := ast.get_docstring(node)) is not None:
            found[name] = text, node.body[0].lineno
        for inner in node.body:
            if isinstance(inner, ast.ClassDef | ast.FunctionDef):
                visit(inner, f"{name}.{inner.name}")

    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    visit(ast.parse(path.read_text(encoding="utf-8")), name)
    return found


# From the source, not from objects: the hook that checks types puts other objects in their places.
EXAMPLES = {
    name: doctest.DocTestParser().get_doctest(text, NAMES, name, str(path), line)
    for path in sorted(PACKAGE.rglob("*.py"))
    for name, (text, line) in docstrings_of(path).items()
    if ">>>" in text
}


def check_example(name):
    """Run the example of a docstring, and fail where it does not give what it shows."""
    report = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    with np.printoptions(precision=8, threshold=1000, linewidth=75, suppress=False, floatmode="maxprec"):
        result = runner.run(EXAMPLES[name], out=report.append)
    assert result.attempted == len(EXAMPLES[name].examples), f"{name} leaves something out"
    assert not result.failed, "".join(report)
