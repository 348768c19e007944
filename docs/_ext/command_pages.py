"""The reference of the command line, from the commands' own help."""

import importlib
from pathlib import Path
from typing import Any

import typer
import written
from sphinx.application import Sphinx
from sphinx.config import Config

from cevnsjax.cli.app import COMMANDS, HELP, SETTINGS
from cevnsjax.reproduce.markdown import table

__all__ = ["setup"]


def _pages(app: Sphinx, config: Config) -> None:
    blocks = [
        "# Command line",
        HELP,
        table(("command", "what it does"), [(f"[{n}](#{n})", t) for n, (_, t) in COMMANDS.items()]),
    ]
    blocks += [_command(name) for name in COMMANDS]
    written.pages(Path(app.srcdir) / "commands", {"index.md": "\n\n".join(blocks) + "\n"})


def _command(name: str) -> str:
    module = importlib.import_module(f"cevnsjax.cli.{COMMANDS[name][0]}")
    alone = typer.Typer(**SETTINGS)
    alone.command(name)(getattr(module, name.replace("-", "_")))
    command: Any = typer.main.get_command(alone)
    rows = []
    for given in command.params:
        if given.name == "help":
            continue
        names = ", ".join(f"`{one}`" for one in [*given.opts, *given.secondary_opts])
        if given.param_type_name == "argument":
            names = f"`{given.metavar or given.name.upper()}`"
        elif given.metavar and not given.is_flag:
            names += f" `{given.metavar}`"
        rows.append((names, given.help or ""))
    return f"## {name}\n\n{command.help}\n\n{table(('argument or option', 'what'), rows)}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the page before Sphinx looks for sources."""
    app.connect("config-inited", _pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
