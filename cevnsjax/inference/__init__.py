"""Frequentist answers: fits, profiles, intervals, scans, contours, impacts, consistency, and sensitivity."""

from cevnsjax.inference.consistency import Consistency, consistency
from cevnsjax.inference.fit import FitResult, ProfileResult, fit, profile
from cevnsjax.inference.impacts import Impacts, impacts
from cevnsjax.inference.intervals import Interval, threshold
from cevnsjax.inference.pulls import describe_nuisance
from cevnsjax.inference.scan import Axis, ScanResult, scan
from cevnsjax.inference.sensitivity import Projection, asimov, expected_intervals, project

__all__ = [
    "Axis",
    "Consistency",
    "FitResult",
    "Impacts",
    "Interval",
    "ProfileResult",
    "Projection",
    "ScanResult",
    "asimov",
    "consistency",
    "describe_nuisance",
    "expected_intervals",
    "fit",
    "impacts",
    "profile",
    "project",
    "scan",
    "threshold",
]
