"""The command line's frame, and how a wrong input leaves it."""

import sys
from collections.abc import Sequence
from typing import Any

import typer

from cevnsjax.errors import InputError

__all__ = ["app", "run"]

app = typer.Typer(
    name="cevnsjax",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="""Predictions, fits and profiles of coherent neutrino scattering and neutrino-electron scattering.

An experiment is one of those that `cevnsjax experiments` lists, or a path to a TOML file; several make a
joint fit. Parameters and their units are listed by `cevnsjax models`. With `--json` a command prints one
JSON object on standard output and nothing else. A wrong input ends with exit status 2.""",
)

# typer keeps its own copy of click in newer versions: its error classes are reached through its public one.
ClickException: type[Any] = typer.BadParameter.__mro__[2]


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a wrong input prints one line on standard error and exits with status 2."""
    command = typer.main.get_command(app)
    try:
        status = command.main(args=None if arguments is None else list(arguments), standalone_mode=False)
    except ClickException as error:
        message = error.format_message()
        if not message or len(sys.argv[1:] if arguments is None else arguments) == 0:
            sys.exit(0)
        _fail(f"{message.rstrip('.')}; see 'cevnsjax --help'")
    except InputError as error:
        _fail(str(error))
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str) -> None:
    typer.echo("cevnsjax: " + " ".join(message.split()), err=True)
    sys.exit(2)
