"""Descriptions that are altered at random: each one loads or is refused."""

import copy
import functools
import math
import operator
import tomllib

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from cevnsjax.errors import InputError
from cevnsjax.experiments import combinations, load_experiment, load_runs
from cevnsjax.resources import data_folder


def entries(content: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Return the paths of all entries of nested tables and lists."""
    if not isinstance(content, dict | list):
        return []
    items = content.items() if isinstance(content, dict) else enumerate(content)
    return [p for key, value in items for p in [(*path, key), *entries(value, (*path, key))]]


WHOLE = tomllib.loads((data_folder() / "conus_plus" / "experiment.toml").read_text())
COMBINATION = data_folder() / "combinations" / "reactors.toml"
JOINT = tomllib.loads(COMBINATION.read_text())
ODD = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        2,
        7,
        1.5,
        1e-300,
        1e300,
        math.inf,
        math.nan,
        "",
        "x",
        "signal",
        [],
        [1.0],
        {},
        {"kind": "table"},
    ]
)


@st.composite
def altered(draw: st.DrawFn, whole: dict[str, object]) -> dict[str, object]:
    """Draw a description with one to three entries left out, of another type, or of another size."""
    content, known = copy.deepcopy(whole), entries(whole)
    for _ in range(draw(st.integers(1, 3))):
        *room, last = draw(st.sampled_from(known))
        try:
            here = functools.reduce(operator.getitem, room, content)
            value = here[last]
        except (KeyError, IndexError, TypeError):  # an alteration before has removed it
            continue
        change = draw(st.sampled_from(["drop", "type", "scale", "copy"]))
        if change == "drop":
            del here[last]
        elif change == "scale" and isinstance(value, int | float):
            here[last] = value * 10.0 ** draw(st.integers(-12, 12))
        elif change == "copy" and isinstance(here, list):
            here.append(copy.deepcopy(value))
        else:
            here[last] = draw(ODD)
    return content


@hypothesis.settings(max_examples=150)
@hypothesis.given(content=altered(WHOLE))
def test_an_altered_description_loads_or_is_refused(content: dict[str, object]) -> None:
    """Nothing but `InputError`, in one line that names the file, whatever stands in it."""
    overrides = {key: content.get(key) for key in WHOLE if content.get(key) != WHOLE[key]}
    try:
        experiment = load_experiment("conus_plus", overrides)
    except InputError as error:
        message = str(error)
    else:
        message = ""
        assert np.isfinite(experiment.exposure).all()
        assert all(n.sigma is None or n.sigma > 0 for n in experiment.nuisances["default"])
    assert "\n" not in message
    assert not message or "conus_plus" in message


@hypothesis.given(content=altered(JOINT))
def test_an_altered_combination_loads_or_is_refused(content: dict[str, object]) -> None:
    """As above; the files of its experiments stay as they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(combinations, "read_description", lambda _: (COMBINATION, content))
        try:
            runs = load_runs("reactors")
        except InputError as error:
            message = str(error)
        else:
            message = ""
            assert all(n.sigma is None or n.sigma > 0 for run in runs for s in run.nuisances.values() for n in s)
    assert "\n" not in message
    assert not message or ".toml" in message or "unknown experiment" in message
