"""The command line's frame: its commands, how each is found, and how an error leaves it."""

import contextlib
import contextvars
import errno
import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, TextIO

import typer
from typer.core import TyperCommand

from cevnsjax.cli.interrupts import INTERRUPTED, MESSAGE, end_on_signals
from cevnsjax.errors import InputError

__all__ = ["COMMANDS", "command_line", "run"]

COMMANDS = {
    "experiments": ("lists", "List the embedded experiments and combinations, or copy one."),
    "models": ("lists", "List the models and their parameters."),
    "predict": ("predict", "Predict the counts in each bin, beside the data."),
    "fit": ("fit", "Find the best fit and the allowed intervals."),
    "profile": ("fit", "Give chi-squared along one parameter."),
    "scan": ("scan", "Give chi-squared over a plane, and its contours."),
    "sample": ("sample", "Draw from the posterior of the free parameters."),
    "feldman-cousins": ("toys", "Find what the data allow, by toys."),
    "coverage": ("toys", "Count how often an interval holds the truth, by toys."),
    "significance": ("toys", "Test the hypothesis of no signal."),
    "goodness-of-fit": ("goodness", "Test by toys whether the model describes the data."),
    "consistency": ("consistency", "Test whether experiments agree with each other."),
    "impacts": ("impacts", "Find what drives a result: impacts of nuisances."),
    "project": ("project", "Find what more exposure will allow."),
    "nuisances": ("nuisances", "List the nuisance parameters and their constraints."),
    "cite": ("cite", "Print what to cite, as BibTeX."),
    "export": ("export", "Write a likelihood that others can evaluate, or curves for HEPData."),
    "reproduce": ("reproduce", "Make the tables and figures of the papers."),
    "docs": ("docs", "Say where the documentation is."),
}
"""Each command's module, which has a function of its name, and its line in the list of all."""

HELP = """Predictions, fits and limits of coherent neutrino-nucleus scattering and neutrino-electron scattering.

An experiment (EXP) is a name that `cevnsjax experiments` lists, or the path of a TOML file; several make a joint fit. A
part of an experiment follows a colon: `conus:eves`. A combination, `global_2026`, is several experiments
and a statement of what they share. Models and the units of their parameters are listed by `cevnsjax models`; nuisance
parameters by `cevnsjax nuisances EXP`.

With `--json` a command prints one JSON object on standard output and nothing else; notes, warnings and progress go to
standard error. A wrong input ends with exit status 2 and one line that says what would be right; Ctrl-C ends with 130.

What is compiled is kept in the user's cache folder, so that a command is faster the second time. The environment
variable `CEVNSJAX_CACHE` names another folder, or is `off`."""

EMITTERS = "--xla_backend_extra_options=xla_cpu_disable_new_fusion_emitters"
"""The flag of XLA for the older of its two ways to make a processor's code of joined operations.

It takes half to two thirds of the newer way's time, and its code is as fast here. `programs.OLDER` is the same wish for
one program, which versions of JAX since 0.11 do not know.
"""

EMITTERS_KNOWN = ("0.10.", "0.11.")
"""Versions of jaxlib that know the flag: a flag that is not known ends the process."""

command_line: contextvars.ContextVar[list[str]] = contextvars.ContextVar("command_line")
"""The words of the command that runs."""

# typer keeps its own copy of click in newer versions: its error classes are reached through its public one.
ClickException: type[Any] = typer.BadParameter.__mro__[2]

SETTINGS: dict[str, Any] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": "markdown",
}


class _Deferred(TyperCommand):
    """A command whose module is imported when it is asked for, so that others start without it."""

    def make_context(self, *arguments: Any, **extra: Any) -> Any:
        """Return the context of the true command."""
        assert self.name is not None
        module = importlib.import_module(f"cevnsjax.cli.{COMMANDS[self.name][0]}")
        alone = typer.Typer(**SETTINGS)
        alone.command(self.name)(getattr(module, self.name.replace("-", "_")))
        return typer.main.get_command(alone).make_context(*arguments, **extra)


def _print_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"cevnsjax {version('cevnsjax')}")
        raise typer.Exit
    return wanted


def _group() -> Any:
    app = typer.Typer(**SETTINGS)
    option = typer.Option(False, "--version", is_eager=True, callback=_print_version, help="Print the version.")

    @app.callback(help=HELP)
    def _all(version: bool = option) -> None:
        pass

    group: Any = typer.main.get_command(app)
    group.commands = {name: _Deferred(name, help=text) for name, (_, text) in COMMANDS.items()}
    return group


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, by default that of the process, and exit.

    A wrong input prints one line on standard error and exits with status 2, an interruption with 130.
    """
    if arguments is None:
        _open_streams()
        end_on_signals()
        set_libraries()
        warnings.showwarning = _show_warning
    words = list(sys.argv[1:] if arguments is None else arguments)
    command_line.set(["cevnsjax", *words])
    try:
        status = _group().main(args=words or ["--help"], prog_name="cevnsjax", standalone_mode=False)
        if status == INTERRUPTED:  # typer's own answer to a KeyboardInterrupt
            _fail(MESSAGE, INTERRUPTED)
        sys.stdout.flush()
    except ClickException as error:
        _fail(f"{error.format_message().rstrip('.')}; see 'cevnsjax --help'")
    except InputError as error:
        _fail(str(error))
    except (typer.Abort, KeyboardInterrupt):
        _fail(MESSAGE, INTERRUPTED)
    except OSError as error:
        _fail_on_output(error)
    except Exception as error:
        _fail_in_words(error)
    sys.exit(status if isinstance(status, int) else 0)


def set_libraries() -> None:
    """Tell libraries that are not yet at work what serves short commands, unless the user has told them otherwise."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # matrices are small: its threads wait for each other
    flags = os.environ.get("XLA_FLAGS", "")
    if EMITTERS.partition("=")[0] not in flags and version("jaxlib").startswith(EMITTERS_KNOWN):
        os.environ["XLA_FLAGS"] = f"{flags} {EMITTERS}".strip()


def _open_streams() -> None:
    """Let standard streams that are closed lead nowhere: else the next file that is opened would take their place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Take the place of Python's own function, which shows the line of code, too."""
    typer.echo(f"cevnsjax: warning: {' '.join(str(message).split())}", err=True)


def _fail(message: str, status: int = 2) -> None:
    with contextlib.suppress(OSError, ValueError):  # nowhere to say it: the status remains
        typer.echo("cevnsjax: " + " ".join(message.split()), err=True)
    sys.exit(status)


def _fail_on_output(error: OSError) -> None:
    """End where the operating system refused something: most often standard output is full, or nobody reads it."""
    if error.filename:
        _fail(f"cannot use '{error.filename}': {error.strerror}")
    with contextlib.suppress(OSError, ValueError):  # what is left in the buffer would raise once more when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        sys.exit(1)
    _fail(f"cannot write the output: {error.strerror or error}")


def _fail_in_words(error: Exception) -> None:
    """End in one line where that is all there is to say: memory, or an error that a user's file of a model raised."""
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):  # JAX has its own error
        _fail("there is not enough memory for this; ask for fewer points, toys or draws")
    custom = sys.modules.get("cevnsjax.interactions.custom")
    line = custom.in_users_words(error) if custom is not None else None
    if line is None:
        raise error
    _fail(line)
