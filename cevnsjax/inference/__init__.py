"""Frequentist answers: fits, profiles, intervals, scans, contours, and what experiments will be able to say."""

from cevnsjax.inference.fit import FitResult, ProfileResult, fit, profile
from cevnsjax.inference.intervals import Interval, threshold
from cevnsjax.inference.pulls import describe_nuisance
from cevnsjax.inference.scan import Axis, ScanResult, scan
from cevnsjax.inference.sensitivity import Projection, asimov, expected_intervals, project

__all__ = [
    "Axis",
    "FitResult",
    "Interval",
    "ProfileResult",
    "Projection",
    "ScanResult",
    "asimov",
    "describe_nuisance",
    "expected_intervals",
    "fit",
    "profile",
    "project",
    "scan",
    "threshold",
]
