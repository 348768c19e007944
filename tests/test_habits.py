"""The project's own files: what contributors and releases rely on is there, and says what is true."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml
from rooms import ROOMS

import cevnsjax

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_hooks_are_commands_of_the_environment() -> None:
    """No hook is downloaded: each runs a tool that the tests' own extra installs."""
    content = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (repository,) = content["repos"]
    assert repository["repo"] == "local"
    wanted = {re.split(r"[<>=\[; ]", text)[0] for text in PROJECT["project"]["optional-dependencies"]["test"]}
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        tool = hook["entry"].split()[0]
        assert tool in wanted
        assert shutil.which(tool), f"{tool} is not installed"


def test_fragments_have_a_kind() -> None:
    kinds = {entry["directory"] for entry in PROJECT["tool"]["towncrier"]["type"]}
    listed = re.findall(r"^\| `(\w+)` \|", (ROOT / "changes" / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(listed) == kinds
    for file in (ROOT / "changes").iterdir():
        if file.name != "README.md":
            assert re.fullmatch(rf"(\d+|\+[\w-]+)\.({'|'.join(kinds)})\.md", file.name), file.name
            assert file.read_text(encoding="utf-8").strip()


def test_each_room_has_tests() -> None:
    for room, names in ROOMS.items():
        for name in names:
            assert (ROOT / "tests" / f"test_{name}.py").is_file(), f"{room}: {name}"
    packages = {path.parent.name for path in Path(cevnsjax.__file__).parent.glob("*/__init__.py")}
    assert packages <= set(ROOMS)


def test_an_option_runs_one_room() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", "-p", "no:cacheprovider"]
    run = subprocess.run([*command, "--room", "matter"], cwd=ROOT, capture_output=True, text=True)
    files = {Path(line.partition("::")[0]).name for line in run.stdout.splitlines() if "::" in line}
    assert files == {f"test_{name}.py" for name in ROOMS["matter"]}, run.stderr


def test_citation_file_has_what_the_format_requires() -> None:
    content = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(content)
    assert content["cff-version"] == "1.2.0"
    assert content["type"] in ("software", "dataset")
    assert content["license"] == PROJECT["project"]["license"]
    assert content["version"] == PROJECT["project"]["version"]
    for author in [*content["authors"], *(author for entry in content["references"] for author in entry["authors"])]:
        assert set(author) in ({"name"}, {"family-names", "given-names"})


USER = """import cevnsjax
from cevnsjax.errors import renamed
cevnsjax._RENAMED["best_fit"] = ("cite", "0.4")
assert cevnsjax.best_fit is cevnsjax.cite
def function():
    renamed("the argument `a`", "`b`", "1.0")
function()
"""


def test_an_old_name_works_and_warns_at_the_users_line(tmp_path: Path) -> None:
    """In a process of its own: the checks of shapes in these tests put calls in between."""
    (tmp_path / "user.py").write_text(USER)
    run = subprocess.run([sys.executable, "user.py"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0
    lines = [line.partition("user.py")[2] for line in run.stderr.splitlines() if "FutureWarning" in line]
    assert lines == [
        ":4: FutureWarning: cevnsjax.best_fit is now cevnsjax.cite; the old name ends with version 0.4",
        ":7: FutureWarning: the argument `a` is now `b`; the old name ends with version 1.0",
    ]


def test_old_names_end_when_they_should() -> None:
    """A name whose last version has come is removed."""
    here = tuple(int(part) for part in re.findall(r"\d+", cevnsjax.__version__)[:2])
    for name, (new, until) in cevnsjax._RENAMED.items():
        assert new in cevnsjax.__all__
        assert tuple(int(part) for part in until.split(".")) > here, f"remove {name}"


def test_classifiers_name_each_python_that_is_allowed() -> None:
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    assert "Programming Language :: Python :: 3.11" in PROJECT["project"]["classifiers"]


def test_the_first_hour_is_what_ci_runs() -> None:
    assert ".ci/first_hour" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "first_hour.md").read_text(encoding="utf-8")
    # Each kind of block is one that the script runs or writes.
    for kind, title in re.findall(r"^```(\w+)( title=\"[^\"]+\")?$", page, re.MULTILINE):
        assert title or kind in ("bash", "python")
