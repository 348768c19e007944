"""The reference of everything public: a page of the names of `import cevnsjax`, and one for each room of the package.

A name is documented where it is defined, once. Modules say what is public in `__all__`.
"""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import written
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.ext.napoleon.docstring import GoogleDocstring

import cevnsjax

__all__ = ["setup"]

HIDDEN = {"cli", "__main__"}
"""Rooms with a page of their own, the command line's."""


SIGN = re.compile(r"`[^`]*`|[|*]")
"""Code, or a sign that is markup in reStructuredText and a sign of mathematics here."""


HEADING = re.compile(r"(Args|Attributes|Examples?|Notes?|Raises|Returns|Yields):")
"""A section of a docstring, which napoleon knows."""


def _pages(app: Sphinx, config: Config) -> None:
    rooms = [name for _, name, _ in pkgutil.iter_modules(cevnsjax.__path__) if name not in HIDDEN]
    contents: dict[str, str | bytes] = {f"{room}.rst": _room(room) for room in rooms}
    contents["index.rst"] = _index(rooms)
    written.pages(Path(app.srcdir) / "api", contents)


def _title(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}\n"


def _index(rooms: list[str]) -> str:
    entries = "\n".join(f"   {room}" for room in rooms)
    blocks = [
        _title("Python reference"),
        "The names of ``import cevnsjax`` come first; all others stand with the room that defines them.\n",
        f".. toctree::\n   :maxdepth: 1\n   :caption: Rooms\n\n{entries}\n",
        ".. py:module:: cevnsjax\n",
    ]
    for heading, kind in (("Functions", inspect.isroutine), ("Classes", inspect.isclass)):
        blocks.append(_title(heading, "-"))
        blocks += [_entry("cevnsjax", name) for name in cevnsjax.__all__ if kind(getattr(cevnsjax, name))]
    return "\n".join(blocks)


def _room(room: str) -> str:
    package = importlib.import_module(f"cevnsjax.{room}")
    blocks = [_title(f"cevnsjax.{room}"), f".. automodule:: cevnsjax.{room}\n   :no-members:\n"]
    for module in _modules(package):
        own = [name for name in getattr(module, "__all__", ()) if _defined(module, name)]
        if module is not package:
            blocks.append(_title(module.__name__, "-"))
            blocks.append(f".. automodule:: {module.__name__}\n   :no-members:\n")
        for name in own:
            if name in cevnsjax.__all__ and getattr(cevnsjax, name) is getattr(module, name):
                blocks.append(f"`{name}` is :py:obj:`cevnsjax.{name}`.\n")
            else:
                blocks.append(_entry(module.__name__, name))
    return "\n".join(blocks)


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for _, name, _ in pkgutil.iter_modules(getattr(package, "__path__", [])):
        yield importlib.import_module(f"{package.__name__}.{name}")


def _defined(module: ModuleType, name: str) -> bool:
    """Return whether a module defines a name itself, and does not import it."""
    tree = ast.parse(inspect.getsource(module))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return True
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return True
    return False


def _entry(module: str, name: str) -> str:
    value = getattr(importlib.import_module(module), name)
    if inspect.isclass(value):
        return f".. autoclass:: {module}.{name}\n   :members:\n"
    if inspect.isroutine(value) or hasattr(value, "__wrapped__"):
        return f".. autofunction:: {module}.{name}\n"
    return f".. autodata:: {module}.{name}\n   :no-value:\n"


def _skip(app: Sphinx, what: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """Leave out the fields of named tuples that say nothing but their place."""
    return True if (getattr(value, "__doc__", None) or "").startswith("Alias for field number") else None


def _docstring(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Make a docstring reStructuredText. Data have no docstring of their type."""
    if what == "data" and lines and lines[0] == (inspect.getdoc(type(value)) or "").split("\n")[0]:
        lines.clear()
    before, block, written = "", 0, []
    for line in lines:
        indent = len(line) - len(line.lstrip())
        deeper = indent > len(before) - len(before.lstrip())
        begins = deeper and bool(written) and not written[-1].strip() and not HEADING.fullmatch(before.strip())
        if not block and begins and not line.lstrip().startswith((">>>", "- ")):
            # Code or a formula, set apart by its indentation as in Markdown, if not as in reStructuredText already.
            written += [] if before.rstrip().endswith("::") else ["::", ""]
            block = indent
        if line.strip():
            block = block if indent >= block else 0
            before = line
        code = block or line.lstrip().startswith((">>>", "..."))
        written.append(line if code else SIGN.sub(lambda sign: "\\" * (len(sign[0]) == 1) + sign[0], line))
    lines[:] = written


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the pages before Sphinx looks for sources."""
    app.connect("config-inited", _pages)
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-docstring", _docstring, priority=400)  # before napoleon
    # Napoleon takes what stands before a colon for the type of an attribute.
    GoogleDocstring._parse_attribute_docstring = GoogleDocstring._consume_to_end
    return {"parallel_read_safe": True, "parallel_write_safe": True}
