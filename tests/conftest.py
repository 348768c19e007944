"""What all tests share: shapes checked at run time, the independent calculation, one experiment."""

import atexit
import os
import shutil
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

# Before libraries read them. As on the command line, the threads of linear algebra only wait for each other; and the
# processes that share the tests share the processors.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    os.environ.setdefault("NPROC", str(max(1, (os.cpu_count() or 1) // workers)))

import hypothesis
import jax
import pytest
from first_calls import begin_test, check_first_calls
from rooms import ROOMS

sys.path.insert(0, str(Path(__file__).parent / "reference"))

# Before cevnsjax is first imported.
check_first_calls()

if "CEVNSJAX_CACHE" not in os.environ:
    # One folder of compiled programs for all processes of this run, and never the user's own. The process that starts
    # the others makes it, and removes it at the end.
    os.environ["CEVNSJAX_CACHE"] = tempfile.mkdtemp(prefix="cevnsjax-")
    atexit.register(shutil.rmtree, os.environ["CEVNSJAX_CACHE"], ignore_errors=True)

# They follow the hook, which must be there before them: hence E402.
import cevnsjax  # noqa: E402
from cevnsjax.cli.app import EMITTERS_KNOWN, set_libraries  # noqa: E402
from cevnsjax.experiments import copy_experiment  # noqa: E402
from cevnsjax.programs import forget_programs  # noqa: E402

# As the command line does: the compiler takes the quicker way, and what one process of this run compiled or traced, no
# other need.
set_libraries()
if os.environ.get("NPROC") == "1" and version("jaxlib").startswith(EMITTERS_KNOWN):
    # Nor is a program cut into pieces for threads that have no processor: tests take a fourteenth less.
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_parallel_codegen_split_count=1"
cevnsjax.cache_compilations()

# ArviZ writes once a day that it has shown its notice. The processes that share the tests would collide over it, but
# the one that starts them comes here first.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    import arviz  # noqa: F401

# The same examples in every run: a red test is then always about a change. No deadline, as the first
# example waits for the compiler; no database, as nothing is random.
hypothesis.settings.register_profile("cevnsjax", max_examples=30, deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("cevnsjax")

LONG = ("test_reproduce.py", "test_site.py")
MAPPINGS = Path("/proc/self/maps")


def pytest_addoption(parser):
    parser.addoption("--room", metavar="ROOM", choices=[*ROOMS], help=f"run the tests of one room: {', '.join(ROOMS)}")


def pytest_ignore_collect(collection_path, config):
    """Leave out the files that do not belong to the room that was asked for."""
    room = config.getoption("room")
    if room is not None and collection_path.suffix == ".py":
        return collection_path.stem.removeprefix("test_") not in ROOMS[room] or None
    return None


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest, so that no process waits for another at the end."""
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture(autouse=True)
def _check_first_calls():
    begin_test()


@pytest.fixture(autouse=True, scope="module")
def _forget_programs():
    """Drop what is compiled between files, once it fills half of the memory mappings that Linux grants a process.

    Each program takes several of its 65530, and the compiler crashes when none is left.
    """
    yield
    if MAPPINGS.exists() and MAPPINGS.read_text().count("\n") > 30_000:
        jax.clear_caches()
        forget_programs()


@pytest.fixture(scope="session")
def conus_plus():
    return cevnsjax.load_experiment("conus_plus")


@pytest.fixture(scope="session")
def likelihood():
    return cevnsjax.Likelihood("conus_plus")


@pytest.fixture
def copied(tmp_path):
    """The folder of a copy of CONUS+, for a user to change."""
    copy_experiment("conus_plus", tmp_path / "mine")
    return tmp_path / "mine"
