"""Provenance: all that it takes to calculate a result again, and the way to do so; what to cite for it."""

from cevnsjax.provenance.citing import Citation, cite
from cevnsjax.provenance.record import provenance_of
from cevnsjax.provenance.verbs import VERBS, answer, rerun

__all__ = ["VERBS", "Citation", "answer", "cite", "provenance_of", "rerun"]
