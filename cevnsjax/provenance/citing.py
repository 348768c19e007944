"""What to cite for a result: the package, the experiments' papers and data releases, the sources of formulas."""

import dataclasses
import os
from importlib.metadata import version

from cevnsjax.experiments import cited_by
from cevnsjax.interactions import Model
from cevnsjax.interactions import model as model_of
from cevnsjax.provenance.bibliography import Entry, entry_of

__all__ = ["PACKAGE", "Citation", "cite"]

PACKAGE = "cevnsjax"
TITLE = "cevnsjax: differentiable likelihoods for coherent elastic neutrino-nucleus scattering"
AUTHORS = "The cevnsjax developers"


@dataclasses.dataclass(frozen=True)
class Citation:
    """What to cite: keys for each of `experiments` and for the `model`, and all `entries` in order, each once.

    As a text it is a BibTeX file, whose first lines say which keys belong to what.
    """

    experiments: dict[str, tuple[str, ...]]
    model: tuple[str, ...]
    entries: tuple[Entry, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all entries, that of the package first."""
        return tuple(entry.key for entry in self.entries)

    def __str__(self) -> str:
        used = {"the package": (PACKAGE,)} | self.experiments | ({"the model": self.model} if self.model else {})
        lines = [f"{what}: {', '.join(keys) or 'its file names nothing to cite'}" for what, keys in used.items()]
        return "\n".join([*lines, "", "\n\n".join(entry.text for entry in self.entries)])


def cite(*experiments: str | os.PathLike[str], model: str | Model | None = None) -> Citation:
    """Return what to cite for experiments, combinations and a model.

    Args:
        experiments: names, with a part after a colon, or paths of TOML files; a combination gives all papers of its
            members.
        model: the model whose formulas are cited, or its name; by default none.

    Raises:
        InputError: for unknown names, for files that cannot be read, and for a key that the bibliography lacks.

    Examples:
        >>> cevnsjax.cite("conus_plus", model="millicharge").keys[:2]
        ('cevnsjax', 'conusplus2025')
    """
    found = {name: given for text in experiments for name, given in cited_by(text).items()}
    tree = model if model is None or isinstance(model, Model) else model_of(model)
    formulas = () if tree is None else tuple(tree.cite)
    items = [item for given in (*found.values(), formulas) for item in given]
    every = {entry.key: entry for entry in (_package(), *(entry_of(item) for item in items))}
    return Citation(
        {name: tuple(entry_of(item).key for item in given) for name, given in found.items()},
        tuple(entry_of(item).key for item in formulas),
        tuple(every.values()),
    )


def _package() -> Entry:
    fields = {"author": f"{{{AUTHORS}}}", "title": TITLE, "version": version(PACKAGE)}
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return Entry("software", PACKAGE, fields, f"@software{{{PACKAGE},\n{lines}}}")
