"""What the command line makes of its surroundings: files, full disks, pipes, homes, devices and signals."""

import contextlib
import errno
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

import cevnsjax
from cevnsjax.cli import app, main, output
from cevnsjax.cli.app import EMITTERS
from cevnsjax.errors import InputError
from cevnsjax.results import check_folder, check_target, replace_file, temporary_folder, write_figure, write_netcdf
from cevnsjax.results.files import PREFIX

PROFILE = ("profile", "conus_plus", "--over", "sin2_theta_w", "--points", "3")
COMMAND = [sys.executable, "-m", "cevnsjax"]
HOMES = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "CEVNSJAX_CACHE")


def refused(capsys, *arguments: str) -> str:
    """Return the one line with which the command line refuses something."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    captured = capsys.readouterr()
    assert left.value.code == 2
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def no_work(monkeypatch) -> None:
    """Let a test fail where a command works before it has checked its targets."""
    monkeypatch.setattr(cevnsjax.Likelihood, "__init__", lambda *_, **__: pytest.fail("worked before checking"))


@pytest.mark.parametrize("given", [None, "2"])
def test_linear_algebra_has_one_thread(given: str | None) -> None:
    """Unless the user wants more: the variable is set before NumPy reads it."""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    if given is not None:
        environment["OPENBLAS_NUM_THREADS"] = given
    code = (
        "import os, sys; from cevnsjax.cli import app; assert 'numpy' not in sys.modules; "
        "app._group = lambda: print(os.environ['OPENBLAS_NUM_THREADS']) or sys.exit(); app.run()"
    )
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout == f"{given or 1}\n"


@pytest.mark.parametrize(
    ("given", "jaxlib", "expected"),
    [
        ("", "0.11.2", EMITTERS),
        ("--xla_cpu_multi_thread_eigen=false", "0.11.2", f"--xla_cpu_multi_thread_eigen=false {EMITTERS}"),
        ("--xla_backend_extra_options=mine", "0.11.2", "--xla_backend_extra_options=mine"),
        ("", "0.12.0", ""),
    ],
)
def test_the_compiler_takes_the_quicker_way(given: str, jaxlib: str, expected: str, monkeypatch) -> None:
    """Where it knows the flag, and the user has set no options of the same kind. All tests are compiled so."""
    monkeypatch.setenv("XLA_FLAGS", given)
    monkeypatch.setattr(app, "version", lambda _: jaxlib)
    app.set_libraries()
    assert os.environ["XLA_FLAGS"] == expected


@pytest.mark.parametrize("option", ["--out", "--figure"])
def test_targets_are_checked_before_the_work(option: str, tmp_path: Path, monkeypatch, capsys) -> None:
    no_work(monkeypatch)
    suffix = ".nc" if option == "--out" else ".pdf"
    plane = ("scan", "conus_plus", "--x", "m_z", "1", "10", "3", "--y", "g_bl", "1e-6", "1e-4", "3")
    folder, locked, loop, far = (tmp_path / f"{name}{suffix}" for name in ("folder", "locked", "loop", "x" * 300))
    folder.mkdir()
    locked.write_text("mine")
    locked.chmod(0o444)
    loop.symlink_to(loop)
    device = tmp_path / f"device{suffix}"
    device.symlink_to("/dev/null")
    for target, reason in (
        (folder, "it is a folder"),
        (locked, "read-only"),
        (loop, "symbolic link"),
        (far, "too long"),
        (device, "it is a device"),
        (Path(f"/proc/plane{suffix}"), "cannot write"),
        (tmp_path / "nowhere" / f"a{suffix}", "there is no folder"),
    ):
        assert reason in refused(capsys, *plane, option, str(target))
    assert locked.read_text() == "mine"


@pytest.mark.parametrize("name", ["/dev/null", "/dev/full"])
def test_devices_are_no_targets(name: str, monkeypatch, capsys) -> None:
    no_work(monkeypatch)
    assert "it is a device" in refused(capsys, *PROFILE, "--out", name)


def test_folders_are_checked_before_the_work(tmp_path: Path, monkeypatch, capsys) -> None:
    no_work(monkeypatch)
    (tmp_path / "file").write_text("mine")
    sample = ("sample", "conus_plus", "--out", str(tmp_path / "a.nc"), "--figures")
    for folder in (tmp_path / "file", tmp_path / "x" / "y", tmp_path / ("x" * 300), Path("/proc/plots")):
        refused(capsys, *sample, str(folder))
        refused(capsys, "reproduce", "--out", str(folder))
    check_folder(tmp_path)
    check_folder(tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_link_is_written_through(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    replace_file(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o640
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "made")
    replace_file(dangling, b"new")
    assert (tmp_path / "made").read_bytes() == b"new"
    assert check_target(link) == target


@pytest.fixture
def full_disk():
    """Let no file become longer than a kilobyte, which fails as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_damages_nothing(full_disk, tmp_path: Path) -> None:
    file = tmp_path / "result.nc"
    file.write_text("old")
    with pytest.raises(InputError, match=r"cannot write '.*result.nc': File too large"):
        write_netcdf(file, xr.Dataset({"a": ("n", np.zeros(10_000))}))
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_parent_that_is_read_only(tmp_path: Path, monkeypatch) -> None:
    """A folder that can be written is enough, as a container's `/out` has a parent that cannot."""
    out = tmp_path / "out"
    out.mkdir()
    make = tempfile.mkstemp, tempfile.mkdtemp, tempfile.TemporaryFile

    def only_inside(function):
        def made(*arguments, dir, **options):
            if Path(dir) == tmp_path:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            return function(*arguments, dir=dir, **options)

        return made

    for function in make:
        monkeypatch.setattr(tempfile, function.__name__, only_inside(function))
    check_folder(out)
    assert check_target(out / "a.nc") == out / "a.nc"
    replace_file(out / "a.nc", b"new")
    with pytest.raises(InputError, match="Read-only file system; its folder cannot be written"):
        check_folder(tmp_path / "another")
    with pytest.raises(InputError, match="Read-only file system; its folder cannot be written"):
        check_target(tmp_path / "a.nc")


def test_temporary_folders_go(tmp_path: Path) -> None:
    with temporary_folder(tmp_path) as folder:
        (folder / "file").write_text("x")
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError), temporary_folder(tmp_path / "nowhere"):
        pass


def test_a_label_that_is_no_mathematics(tmp_path: Path) -> None:
    """Dollar signs that matplotlib cannot read are shown as they stand; the others are still mathematics."""
    figure = Figure()
    axes = figure.subplots()
    wrong, right = axes.set_xlabel(r"$\frac$"), axes.set_ylabel(r"$\chi^2$")
    write_figure(tmp_path / "a.svg", figure, [r"a note with $\frac$"])
    assert (tmp_path / "a.svg").exists()
    assert wrong.get_text() == r"\$\frac\$"  # dollars, and no mathematics between them
    assert right.get_text() == r"$\chi^2$"


def test_progress_where_there_is_no_terminal(capsys, monkeypatch) -> None:
    monkeypatch.setattr(output, "DELAY", 0.05)
    with output.progress("working") as advance:
        time.sleep(0.2)
        advance(1, 3)
        advance(2, 3)  # at once: no line
    assert capsys.readouterr().err.splitlines() == ["cevnsjax: working ...", "cevnsjax: working: 1 of 3"]
    with output.progress("short"):
        pass
    time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_warnings_of_libraries_are_one_line(capsys) -> None:
    app._show_warning(UserWarning("two\nlines"), UserWarning, "file.py", 3)
    assert capsys.readouterr().err == "cevnsjax: warning: two lines\n"


def process(*arguments: str, **options) -> subprocess.CompletedProcess:
    environment = {**os.environ, **options.pop("environment", {})}
    return subprocess.run([*COMMAND, *arguments], env=environment, text=True, timeout=300, **options)


@pytest.mark.parametrize("arguments", [("experiments",), ("experiments", "--json"), ("fit", "--help")], ids=" ".join)
def test_full_standard_output(arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = process(*arguments, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr == "cevnsjax: cannot write the output: No space left on device\n"


@pytest.mark.parametrize(("stream", "status"), [("stdout", 0), ("stderr", 2), ("stdin", 0)])
def test_a_closed_stream(stream: str, status: int) -> None:
    """Nothing is said where nobody listens; the status remains, and no file takes the stream's place."""
    word = "experiments" if status == 0 else "experiment"
    closed = (
        f"import os, sys; os.close({('stdin', 'stdout', 'stderr').index(stream)}); os.execv(sys.argv[1], sys.argv[1:])"
    )
    done = subprocess.run([sys.executable, "-c", closed, *COMMAND, word], capture_output=True, text=True, timeout=300)
    assert done.returncode == status
    assert "Traceback" not in done.stderr + done.stdout


def test_full_standard_error() -> None:
    """The one line cannot be said: the status remains."""
    with open("/dev/full", "w") as full:
        done = process("experiment", stdout=subprocess.PIPE, stderr=full)
    assert (done.returncode, done.stdout) == (2, "")


def test_nobody_reads_standard_output() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = process("experiments", stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("platform", ["cuda", "nonsense"])
def test_a_device_that_is_not_there(platform: str) -> None:
    done = process("predict", "conus_plus", environment={"JAX_PLATFORMS": platform}, capture_output=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"cevnsjax: JAX_PLATFORMS={platform}: there is no such device here")
    assert done.stderr.count("\n") == 1


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    """Matplotlib would warn, and ArviZ fail: they get a temporary folder, which is gone at the end."""
    home = {name: value for name, value in os.environ.items() if name not in HOMES}
    home |= {"HOME": "/proc/nowhere", "TMPDIR": str(tmp_path)}
    code = "from cevnsjax.cli.surroundings import prepare; prepare()\nimport matplotlib.pyplot, arviz"
    done = subprocess.run([sys.executable, "-c", code], env=home, text=True, capture_output=True, timeout=300)
    assert done.returncode == 0
    assert "atplotlib" not in done.stderr
    assert list(tmp_path.iterdir()) == []


# Each works for many times as long as it is left alone: nine million searches, not nine million simple points, which
# are there after a second or two.
LONG = {
    "toys": ("feldman-cousins", "conus_plus", "--x", "sin2_theta_w", "0.1", "0.4", "30", "--toys", "1000000"),
    "a scan": (
        "scan", "conus_plus", "--systematics", "detailed", "--model", "vector_bl", "--out", "plane.nc",
        "--x", "m_z", "0.1", "100", "3000", "--y", "g_bl", "1e-7", "1e-3", "3000",
    ),
    "draws": ("sample", "conus_plus", "--out", "draws.nc", "--samples", "1000000"),
    "workers": ("significance", "conus_plus", "--toys", "10000000", "--workers", "1"),
    "fits of toys": ("goodness-of-fit", "conus_plus", "--systematics", "detailed", "--toys", "10000000"),
    "the report": ("reproduce", "--out", "report", "--only", "conus_plus"),
}  # fmt: skip


def listens(process: subprocess.Popen) -> bool:
    """Return whether a process has begun to catch SIGTERM, which Python by itself does not."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def session(leader: int) -> list[str]:
    """Return the commands of all processes of a session that have not ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            *_, rest = (folder / "stat").read_text().rpartition(") ")
            state, _, _, number, *_ = rest.split()
            if int(number) == leader and state != "Z":
                found.append((folder / "cmdline").read_text().replace("\0", " "))
    return found


@pytest.fixture
def interruptible():
    """Where tests run in a shell's background they ignore SIGINT, and what they start would do so, too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to see when a process is ready")
@pytest.mark.parametrize(
    ("command", "number", "delay"),
    [
        ("toys", signal.SIGINT, 0.0),
        ("toys", signal.SIGTERM, 0.5),
        ("draws", signal.SIGINT, 1.5),
        ("a scan", signal.SIGTERM, 2.5),
        ("toys", signal.SIGINT, 4.0),
        ("fits of toys", signal.SIGTERM, 3.0),
        ("the report", signal.SIGTERM, 3.5),
        ("workers", signal.SIGINT, 2.0),
        ("workers", signal.SIGTERM, 5.0),
    ],
)
def test_an_interruption(command: str, number: int, delay: float, tmp_path: Path, interruptible) -> None:
    """While it imports, compiles, or calculates, it ends at once, in one line, and leaves nothing half-written.

    Nor does it leave temporary files, or processes.
    """
    temporary, folder = tmp_path / "temporary", tmp_path / "folder"
    temporary.mkdir()
    folder.mkdir()
    running = subprocess.Popen(
        [*COMMAND, *LONG[command]], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"TMPDIR": str(temporary)}, start_new_session=True,
    )  # fmt: skip
    while running.poll() is None and not listens(running):
        time.sleep(0.01)
    time.sleep(delay)
    assert running.poll() is None
    running.send_signal(number)
    begun = time.monotonic()
    out, err = running.communicate(timeout=60)
    assert time.monotonic() - begun < 5.0  # on a machine that does other things, too
    assert running.returncode == 130
    assert out == ""
    *progress, last = err.splitlines()
    assert last == "cevnsjax: interrupted"
    assert all("..." in line or " of " in line for line in progress)
    assert list(temporary.iterdir()) == []
    left = [path for path in folder.rglob("*") if path.is_file()]
    if command == "the report":  # a run that was cut goes on from its finished steps
        assert all(".parts" in path.parts and not path.name.startswith(PREFIX) for path in left)
    else:
        assert [path.name for path in left] in ([], ["plane.nc.part"])
    begun = time.monotonic()
    while (others := session(running.pid)) and time.monotonic() - begun < 20:
        time.sleep(0.1)
    assert others == []


def test_an_interruption_in_python(monkeypatch, capsys) -> None:
    """Where the command line runs inside another program, that program's own treatment of signals stays."""
    before = signal.getsignal(signal.SIGINT)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cevnsjax.Likelihood, "__init__", interrupted)
    with pytest.raises(SystemExit) as left:
        main(["predict", "conus_plus"])
    assert left.value.code == 130
    assert capsys.readouterr().err == "cevnsjax: interrupted\n"
    assert signal.getsignal(signal.SIGINT) is before


def test_figures_know_where_they_come_from(tmp_path: Path) -> None:
    provenance = {"command": "fit", "request": {"cl": 0.9}}
    for suffix in ("pdf", "png", "svg"):
        figure = Figure()
        figure.subplots().plot([0, 1])
        write_figure(tmp_path / f"a.{suffix}", figure, provenance=provenance)
        content = (tmp_path / f"a.{suffix}").read_bytes()
        assert json.dumps(provenance).encode() in content, suffix
