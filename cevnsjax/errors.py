"""What the package raises when an input is wrong."""

import difflib
import warnings
from collections.abc import Iterable

__all__ = ["CutOff", "InputError", "renamed", "shown", "unknown_name"]

LONGEST = 60
"""Characters of a wrong value that an error shows."""


class InputError(ValueError):
    """A name, value, file or unit given by the user is wrong.

    The message is one line: what was given, and what would be right. Line breaks in it become blanks.
    """

    def __init__(self, message: str):
        super().__init__(" ".join(message.splitlines()))


class CutOff(InputError):
    """Work that could not be finished, though nothing was wrong with what was asked: what is finished is kept."""


def shown(value: object) -> str:
    """Return a value as an error shows it: the beginning of what Python prints.

    A number of thousands of digits is no number for Python to print.

    >>> from cevnsjax.errors import shown
    >>> shown("0.9")
    "'0.9'"
    """
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def unknown_name(kind: str, given: object, known: Iterable[str]) -> InputError:
    """Return the `InputError` for a `given` name of a `kind` that is not one of `known`, the nearest one suggested.

    >>> from cevnsjax.errors import unknown_name
    >>> print(unknown_name("model", "scaler", ["sm", "scalar"]))
    unknown model 'scaler'; did you mean 'scalar'? (known: sm, scalar)
    """
    known = list(known)
    text = given if isinstance(given, str) else shown(given)
    near = difflib.get_close_matches(text, known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return InputError(f"unknown {kind} '{text}'{hint} (known: {', '.join(known)})")


def renamed(old: str, new: str, until: str) -> None:
    """Warn the caller of the function that calls this: `old` is now `new`, and ends with version `until`.

    The warning is a `FutureWarning`, which Python shows to users by default. docs/policy.md has the rules.

    >>> import warnings
    >>> from cevnsjax.errors import renamed
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     renamed("cevnsjax.limits", "cevnsjax.intervals", "0.4")
    >>> str(told[0].message)
    'cevnsjax.limits is now cevnsjax.intervals; the old name ends with version 0.4'
    """
    warnings.warn(f"{old} is now {new}; the old name ends with version {until}", FutureWarning, stacklevel=3)
