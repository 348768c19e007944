"""Shapes and types, checked at run time in the first calls of each function of the package in each test.

What comes after these, in loops, tells hardly anything new. To check it, too, would take tests a tenth more time.
"""

import functools
import inspect
from collections import Counter
from collections.abc import Callable
from types import CodeType
from typing import Any

import jaxtyping

__all__ = ["CALLS", "begin_test", "check_first_calls"]

CALLS = 8
"""Calls of a function that a test checks."""

# The numeric tower lets an int stand for a float, as type checkers do.
CHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"

_checked: Counter[CodeType] = Counter()


def check_first_calls() -> None:
    """Let all modules of the package that are imported from now on check the first calls of their functions."""
    always = jaxtyping.jaxtyped

    def decorator(*, typechecker: Any) -> Callable[[Any], Any]:
        return functools.partial(_sparing, functools.partial(always, typechecker=typechecker))

    # The hook puts this name before every function and class, and cannot be told which calls it should check.
    jaxtyping.jaxtyped = decorator
    jaxtyping.install_import_hook("cevnsjax", CHECKER)


def begin_test() -> None:
    """Check first calls anew."""
    _checked.clear()


def _sparing(decorator: Callable[[], Any], given: Any) -> Any:
    """Return a function with its first calls checked; a class, whose functions are checked by themselves, always.

    Functions within functions, which are made again and again, count together.
    """
    if not inspect.isfunction(given):
        return decorator()(given)
    code = given.__code__
    # Made when it is first called, which most functions are not in most processes.
    checked = functools.cache(lambda: decorator()(given))

    @functools.wraps(given)
    def called(*args: Any, **kwargs: Any) -> Any:
        if _checked[code] >= CALLS:
            return given(*args, **kwargs)
        _checked[code] += 1
        return checked()(*args, **kwargs)

    return called
