"""What tests of experiment files share: a change of a text, and the refusal of what it makes."""

import re
from pathlib import Path

import pytest

from cevnsjax.errors import InputError
from cevnsjax.experiments import copy_experiment, load_runs


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def refused(path: Path | str, message: str, name: Path | str | None = None) -> str:
    """Load a file that must be refused, in one line that says so and names the file."""
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        load_runs(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path if name is None else name) in text
    return text


def refused_copy(name: str, folder: Path, old: str, new: str, message: str) -> None:
    """Copy an embedded experiment, change its description, and have it refused."""
    copy_experiment(name, folder)
    change(folder / "experiment.toml", old, new)
    refused(folder / "experiment.toml", message, folder)
