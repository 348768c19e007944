"""Provenance: all that it takes to calculate a result again, and the way to do so."""

from cevnsjax.provenance.record import provenance_of
from cevnsjax.provenance.verbs import VERBS, answer, rerun

__all__ = ["VERBS", "answer", "provenance_of", "rerun"]
