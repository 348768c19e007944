"""The embedded bibliography: BibTeX entries by their keys."""

import dataclasses
import functools
import re
from collections.abc import Iterator

from cevnsjax.errors import InputError, unknown_name
from cevnsjax.resources import data_folder, read_text

__all__ = ["Entry", "bibliography", "entries", "entry_of"]

FILE = "references.bib"

HEAD = re.compile(r"@(\w+)\s*\{\s*([^\s,{}]+)\s*,")
FIELD = re.compile(r"\s*(\w+)\s*=\s*")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One BibTeX entry: its kind, `article` for instance, its key, its fields by name, and its text."""

    kind: str
    key: str
    fields: dict[str, str]
    text: str


@functools.cache
def bibliography() -> dict[str, Entry]:
    """Return the entries of the embedded `data/references.bib` by their keys."""
    return {entry.key: entry for entry in entries(read_text(data_folder() / FILE, "bibliography"))}


def entry_of(given: str) -> Entry:
    """Return the entry of a key, or of a whole BibTeX entry that stands in the place of a key.

    Raises `InputError` for an unknown key, and for a text that is not exactly one entry.
    """
    if not given.lstrip().startswith("@"):
        if given not in bibliography():
            raise unknown_name("key of data/references.bib", given, bibliography())
        return bibliography()[given]
    found = list(entries(given))
    if len(found) != 1:
        raise InputError(f"'{given[:60]}' is {len(found)} BibTeX entries; give one for each item of cite")
    return found[0]


def entries(text: str) -> Iterator[Entry]:
    """Yield the entries of a text in BibTeX; values stand in braces, or are plain numbers.

    Raises `InputError` where braces do not match or a value is missing.
    """
    for head in HEAD.finditer(text):
        end = _closing(text, text.index("{", head.start()))
        fields, place = {}, head.end()
        while field := FIELD.match(text, place, end):
            start = field.end()
            if text[start] == "{":
                place = _closing(text, start) + 1
                value = text[start + 1 : place - 1]
            else:
                place = min(p for p in (text.find(",", start), end) if p >= 0)
                value = text[start:place].strip()
                if not value.isdigit():
                    raise InputError(f"'{field[1]}' of the BibTeX entry '{head[2]}' is no number; write it in braces")
            fields[field[1].lower()] = " ".join(value.split())
            place += len(re.compile(r"\s*,?").match(text, place)[0])  # type: ignore[index]
        if text[place:end].strip():
            rest = text[place:end].strip().splitlines()[0]
            raise InputError(f"the BibTeX entry '{head[2]}' has '{rest}' where a field is expected")
        yield Entry(head[1].lower(), head[2], fields, text[head.start() : end + 1])


def _closing(text: str, opening: int) -> int:
    """Return where the brace closes that opens at a place."""
    depth = 0
    for place in range(opening, len(text)):
        depth += (text[place] == "{") - (text[place] == "}")
        if depth == 0:
            return place
    raise InputError(f"a brace of '{text[opening : opening + 40]}' is not closed in BibTeX")
