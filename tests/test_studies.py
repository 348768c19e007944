"""The driver of the reproduction, with studies that take no time: choices, files, refusals, what is left behind."""

import json
import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import xarray as xr
from matplotlib.figure import Figure

from cevnsjax.errors import InputError
from cevnsjax.likelihood import Likelihood
from cevnsjax.reproduce import STUDIES, driver, markdown
from cevnsjax.reproduce.study import Step, Study
from cevnsjax.reproduce.workspace import PARTS

reproduce = partial(driver.reproduce, processes=1)
"""In this process alone, which counts what is made."""


class Toys:
    """Two studies of two steps each, which count how often they are made, and may be cut."""

    def __init__(self, likelihood):
        self.likelihood = likelihood
        self.made = []
        self.cut_at = None
        self.studies = {name: self.study(name) for name in ("first", "second")}

    def study(self, name):
        curve = Step(f"{name}_curve", "a curve", self.curve)
        steps = (curve, Step(f"{name}_number", "a number", self.number, reads=(curve.name,)))
        planes = (("m_z", "g_z"),) if name == "first" else ()
        return Study(name, lambda: steps, lambda r: {"results": dict(r)}, lambda c: {"text": json.dumps(c)}, planes)

    def note(self, name):
        if name == self.cut_at:
            raise KeyboardInterrupt
        self.made.append(name)

    def curve(self, work):
        name = f"{work.folder.name}_curve"
        self.note(name)
        work.curve(name, xr.Dataset({"y": ("x", [1.0, 2.0])}))
        work.figure(name, Figure(), self.likelihood)
        return [len(work.overlays)]

    def number(self, work):
        name = f"{work.folder.name}_number"
        self.note(name)
        return {"before": work.results[f"{work.folder.name}_curve"], "interval": (None, 0.1)}


@pytest.fixture
def toys(monkeypatch, tmp_path, likelihood):
    made = Toys(likelihood)
    (tmp_path / "templates").mkdir()
    for name in ("report", "report_study"):
        (tmp_path / "templates" / f"{name}.md").write_text((markdown.TEMPLATES / f"{name}.md").read_text())
    for name in made.studies:
        (tmp_path / "templates" / f"{name}.md").write_text(f"# {name}\n\n## Part\n\n${{text}}\n")
    monkeypatch.setattr(markdown, "TEMPLATES", tmp_path / "templates")
    monkeypatch.setattr(driver, "STUDIES", made.studies)
    return made


FILES = {f"{name}{suffix}" for name in ("first", "second") for suffix in (".json", ".md")}
FILES |= {f"{name}_curve.{suffix}" for name in ("first", "second") for suffix in ("nc", "pdf", "png")}
FILES |= {"report.json", "report.md"}


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_all_studies_are_written_and_joined(toys, tmp_path, capsys):
    out = tmp_path / "out"
    content = reproduce(out)
    assert names(out) == FILES
    assert json.loads((out / "report.json").read_text()) == content
    assert list(content["studies"]) == ["first", "second"]
    for name, study in content["studies"].items():
        assert json.loads((out / f"{name}.json").read_text()) == study
        assert study["results"][f"{name}_number"] == {"before": [0], "interval": [None, 0.1]}
        assert study["provenance"]["request"]["only"] == [name]
    text = (out / "report.md").read_text()
    assert re.findall("^(#+ .*)", text, re.MULTILINE)[1:] == ["## first", "### Part", "## second", "### Part"]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "cevnsjax: 1 of 4: first: a curve"
    assert len(lines) == 4


def test_only_some(toys, tmp_path):
    out = tmp_path / "out"
    content = reproduce(out, only=["second"])
    assert toys.made == ["second_curve", "second_number"]
    assert names(out) == {name for name in FILES if not name.startswith("first")}
    assert list(content["studies"]) == ["second"]
    content = reproduce(out, only=["first", "first"])
    assert toys.made == ["second_curve", "second_number", "first_curve", "first_number"]
    assert list(content["studies"]) == ["first", "second"]
    assert names(out) == FILES


def test_a_finished_run_is_made_again(toys, tmp_path):
    for _ in range(2):
        reproduce(tmp_path / "out")
    assert len(toys.made) == 8


@pytest.mark.parametrize(
    ("cut_at", "written"),
    [("first_curve", set()), ("first_number", set()), ("second_number", {n for n in FILES if n.startswith("first")})],
)
def test_a_cut_run_goes_on(toys, tmp_path, capsys, cut_at, written):
    """What is done is not done again, and in between there is only the folder of the parts beside finished studies."""
    out = tmp_path / "out"
    toys.cut_at = cut_at
    with pytest.raises(KeyboardInterrupt):
        reproduce(out)
    assert names(out) == {*written, PARTS}
    assert set(tmp_path.iterdir()) == {out, tmp_path / "templates"}
    done, toys.cut_at, toys.made = list(toys.made), None, []
    capsys.readouterr()
    content = reproduce(out)
    steps = [f"{name}_{what}" for name in ("first", "second") for what in ("curve", "number")]
    assert toys.made == [step for step in steps if step not in done]
    assert names(out) == FILES
    assert content["studies"]["first"]["results"]["first_number"]["before"] == [0]
    said = capsys.readouterr().err.splitlines()
    assert ["(done before)" in line for line in said] == [step in done for step in steps]


def test_a_part_that_is_not_as_it_was_left_is_made_again(toys, tmp_path):
    out = tmp_path / "out"
    toys.cut_at = "second_number"
    with pytest.raises(KeyboardInterrupt):
        reproduce(out)
    (out / "first_curve.png").write_bytes(b"painted over")
    (out / PARTS / "second" / "second_curve.json").write_text('{"identity": 3')
    toys.cut_at, toys.made = None, []
    reproduce(out)
    assert toys.made == ["first_curve", "second_curve", "second_number"]
    assert (out / "first_curve.png").read_bytes().startswith(b"\x89PNG")


def test_other_inputs_are_another_run(toys, tmp_path, monkeypatch):
    """Curves of others are drawn into the figures: what was made without them is no part of a run with them."""
    out, table = tmp_path / "out", tmp_path / "curves.csv"
    table.write_text("m_z,g_z,curve\n1,1e-6,mine\n")
    toys.cut_at = "second_curve"
    with pytest.raises(KeyboardInterrupt):
        reproduce(out)
    toys.cut_at, toys.made = None, []
    content = reproduce(out, [table], only=["first"])
    assert content["studies"]["first"]["results"]["first_curve"] == [1]
    assert toys.made == ["first_curve", "first_number"]
    monkeypatch.setattr(driver, "_package", lambda: "changed")
    toys.cut_at = "first_number"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            reproduce(out)
    monkeypatch.undo()


def test_provenance_of_figures_and_curves(toys, tmp_path):
    from PIL import Image

    reproduce(tmp_path / "out", only=["first"])
    with Image.open(tmp_path / "out" / "first_curve.png") as image:
        record = json.loads(image.text["provenance"])
    assert (record["command"], record["request"]) == ("reproduce", {"figure": "first_curve"})
    assert record["experiments"][0]["name"] == "conus_plus"


def test_wrong_inputs_are_refused_before_any_work(toys, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "first.json").mkdir()
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / PARTS).write_text("")
    table = tmp_path / "curves.csv"
    table.write_text("m_z,g_phi,curve\n1,1e-6,mine\n")
    out = tmp_path / "out"
    for arguments, message in (
        ((out, (), ["frist"]), r"unknown study 'frist'; did you mean 'first'\? \(known: first, second\)"),
        ((out, (), []), "no study given; give at least one of first, second"),
        ((out, [table]), "curves of m_z, g_phi; the planes are of m_z, g_z"),
        ((out, [table], ["second"]), "the planes are of no parameters in these studies"),
        ((out, [tmp_path / "nowhere.csv"]), "cannot read the table"),
        ((tmp_path / "file",), "it is a file; give a folder"),
        ((tmp_path / "nowhere" / "out",), "there is no folder"),
        ((tmp_path / ("x" * 300),), "File name too long"),
        ((Path("/proc/cevnsjax"),), "cannot write into '/proc/cevnsjax'"),
        ((tmp_path / "taken",), "cannot write .*first.json': it is a folder"),
        ((tmp_path / "odd",), "it is a file; give a folder"),
    ):
        with pytest.raises(InputError, match=message):
            reproduce(*arguments)
    assert toys.made == []
    assert not out.exists()


def test_a_study_that_is_none_is_named(toys, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for content in ("[]", "{}", "no JSON"):
        (out / "second.json").write_text(content)
        (out / "second.md").write_text("# second")
        with pytest.raises(InputError, match=r"second.json' is no study that was written here: .*; remove it"):
            reproduce(out, only=["first"])


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_in_one_that_is_read_only(toys, tmp_path):
    out = tmp_path / "parent" / "out"
    out.mkdir(parents=True)
    out.parent.chmod(0o555)
    try:
        reproduce(out)
        assert names(out) == FILES
    finally:
        out.parent.chmod(0o755)


def test_nobody_reads_the_progress(toys, tmp_path, monkeypatch):
    class Closed:
        def isatty(self):
            return False

        def write(self, text):
            raise BrokenPipeError

        flush = write

    monkeypatch.setattr(sys, "stderr", Closed())
    reproduce(tmp_path / "out")
    assert names(tmp_path / "out") == FILES


def test_a_bar_on_a_terminal(toys, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    reproduce(tmp_path / "out")
    assert "1 of 4" not in capfd.readouterr().err


def test_sigterm_leaves_the_parts_and_the_next_run_goes_on(tmp_path):
    """As a process: one line, status 130, no file beside the parts; what was done is not done again."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "cevnsjax", "reproduce", "--only", "dresden2", "--out", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(3)]  # the third step begins
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
        assert process.wait(60) == 130
    assert "3 of 10: dresden2: conus_plus, quenching YBe" in lines[-1]
    assert rest.splitlines()[-1] == "cevnsjax: interrupted"
    assert [path.name for path in out.iterdir()] == [PARTS]
    kept = sorted(path.name for path in (out / PARTS / "dresden2").iterdir())
    assert kept[:2] == ["conus_plus_Fef.json", "conus_plus_Lindhard.json"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(3)]
        process.kill()
    assert ["(done before)" in line for line in lines] == [True, True, "conus_plus_YBe.json" in kept]


def test_templates_ask_for_what_pages_give():
    """Placeholders of each study's template, without the work that fills them; and no number typed into prose."""
    for name in STUDIES:
        text = (markdown.TEMPLATES / f"{name}.md").read_text()
        asked = set(re.findall(r"\$\{(\w+)\}", text))
        assert asked
        assert "$" not in re.sub(r"\$\{\w+\}", "", text)
        assert not re.search(r"\d\.\d+ ?GeV|e-\d\d", re.sub(r"\$\{\w+\}", "", text))


def test_workspace_answers_can_be_run_again(tmp_path, likelihood):
    from cevnsjax.provenance import rerun
    from cevnsjax.reproduce.workspace import Workspace

    work = Workspace(tmp_path, "study", "identity")
    result, origin = work.answer(Likelihood("conus_plus"), "profile", over="sin2_theta_w", limits=(0.1, 0.4), points=5)
    again = rerun(json.loads(json.dumps(origin)))
    assert again.delta_chi2.tolist() == result.delta_chi2.tolist()
