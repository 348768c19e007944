"""A likelihood by the HEP Statistics Serialization Standard, HS3 0.2.9: the format "hs3" of docs/export.md.

Expected counts of each cell are a generic function of couplings and nuisances: the polynomials of the format "json",
and the formulas of templates. Each cell has a distribution of its own, Poisson or Gaussian, whose datum stands in the
likelihood; each constraint is a Gaussian about the parameter, whose datum is the centre. No distribution is cut off,
so that all are normalised, and -2 log L differs from chi-squared by a constant. Nothing is approximated.
"""

import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from cevnsjax.errors import InputError
from cevnsjax.exporting.expressions import identifier, number, plus, times
from cevnsjax.exporting.polynomial import polynomial_likelihood
from cevnsjax.likelihood import Likelihood

__all__ = ["HS3_VERSION", "hs3"]

HS3_VERSION = "0.2.9"

FAR = 1e6
"""How many steps from its value a parameter without a limit may go: HS3 needs ends."""

Entry = dict[str, Any]


def hs3(likelihood: Likelihood, values: Mapping[str, float], free: Sequence[str] | None) -> Entry:
    """Return a likelihood as an HS3 document.

    Arguments and errors are those of `export`. `InputError` also for counts that are no whole numbers, as those of
    expected data are, and for a template that needs the error function: a line whose centre or width is a parameter.
    """
    document = polynomial_likelihood(likelihood, values, free)
    parameters = [*document["couplings"], *document["nuisances"]]
    writer = _Writer({p["name"]: p for p in parameters})
    distributions, data = [], []
    for experiment in document["experiments"]:
        name = identifier(experiment["name"])
        _check_counts(experiment)
        means = writer.means(experiment, name)
        for cell, (mean, observed) in enumerate(zip(means, experiment["observed"], strict=True), start=1):
            entry = {"name": f"{name}_{cell}", "x": f"{name}_observed_{cell}", "mean": mean}
            if experiment["term"] == "gaussian":
                entry |= {"type": "gaussian_dist", "sigma": experiment["sigma"][cell - 1]}
            else:
                entry |= {"type": "poisson_dist"}
            distributions.append(entry)
            data.append(observed)
    for n in document["nuisances"]:
        if n["sigma"] is not None:
            distributions.append(
                {"name": f"{n['name']}_constraint", "type": "gaussian_dist", "x": f"{n['name']}_centre"}
                | {"mean": n["name"], "sigma": n["sigma"]}
            )
            data.append(n["centre"])
    references = dict.fromkeys(e["reference"] for e in document["experiments"] if e["reference"])
    about = {key: document[key] for key in ("model", "channel", "systematics", "fixed", "checks")}
    cells = ("name", "title", "note", "unit", "axes", "phases", "data")
    return {
        "metadata": {
            "hs3_version": HS3_VERSION,
            "packages": [{"name": "cevnsjax", "version": version("cevnsjax")}],
            "publications": list(references),
            "description": "; ".join(e["title"] for e in document["experiments"]) + f"; model {likelihood.model.name}",
        },
        "functions": writer.functions,
        "distributions": distributions,
        "likelihoods": [{"name": "likelihood", "distributions": [d["name"] for d in distributions], "data": data}],
        "domains": [{"name": "limits", "type": "product_domain", "axes": [_axis(p) for p in parameters]}],
        "parameter_points": [{"name": "start", "parameters": [_start(p) for p in parameters]}],
        "analyses": [
            {
                "name": "analysis",
                "likelihood": "likelihood",
                "parameters_of_interest": [c["name"] for c in document["couplings"]],
                "domains": ["limits"],
                "domain": "limits",
                "init": "start",
            }
        ],
        "misc": {
            "cevnsjax": {
                **about,
                "units": {p["name"]: p["unit"] for p in parameters},
                "experiments": [{key: e[key] for key in cells} for e in document["experiments"]],
            }
        },
    }


def _check_counts(experiment: Mapping[str, Any]) -> None:
    if experiment["term"] == "poisson" and any(not float(n).is_integer() for n in experiment["observed"]):
        raise InputError(
            f"{experiment['name']} has counts that are no whole numbers ({experiment['data']} data), for which HS3 "
            "defines no Poisson distribution; export it to json"
        )


def _axis(p: Mapping[str, Any]) -> Entry:
    step = p["step"] if "step" in p else p["sigma"] or abs(p["centre"]) or 1.0
    low, high = p["limits"]
    return {
        "name": p["name"],
        "min": p["value"] - FAR * step if low is None else low,
        "max": p["value"] + FAR * step if high is None else high,
    }


def _start(p: Mapping[str, Any]) -> Entry:
    return {"name": p["name"], "value": p["value"]} | ({"const": True} if p.get("fixed") else {})


class _Writer:
    """Collects functions; each expression is written once."""

    def __init__(self, parameters: Mapping[str, Mapping[str, Any]]):
        self.parameters = parameters
        self.functions: list[Entry] = []
        self.names: dict[str, str] = {}

    def function(self, name: str, expression: str) -> str:
        """Return the name of the function that an expression has, which is a new one or has been written before."""
        if expression not in self.names:
            self.names[expression] = name
            self.functions.append({"name": name, "type": "generic_function", "expression": expression})
        return self.names[expression]

    def means(self, experiment: Mapping[str, Any], name: str) -> list[str]:
        """Return the names of the functions that give the expected counts of the cells."""
        signal, cells = experiment["signal"], range(len(experiment["observed"]))
        strength = signal["strength"]
        factor = self._factor(
            f"{name}_signal_factor", signal["factors"], "1.0" if strength == 1.0 else _given(strength)
        )
        basis = self._basis(f"{name}_signal", signal)
        monomials = [
            times(*(self._coupling(c) for c in monomial)) if monomial else "" for monomial in signal["monomials"]
        ]
        terms = [
            self.function(f"{name}_signal_{i}_{j}", "*".join(filter(None, (row, monomial)))) if row or monomial else ""
            for i, row in enumerate(basis)
            for j, monomial in enumerate(monomials)
        ]
        tables = [row for block in signal["coefficients"] for row in block]
        parts = [[_scaled(factor, _combined(terms, [t[cell] for t in tables]))] for cell in cells]
        for template in experiment["templates"]:
            own = f"{name}_{identifier(template['name'])}"
            factor = self._factor(f"{own}_factor", template["factors"], "1.0")
            counts = self._table(own, template) if template["kind"] == "table" else self._formula(experiment, template)
            for cell in cells:
                parts[cell].append(_scaled(factor, counts[cell]))
        return [
            self.function(f"{name}_mean_{cell}", plus(p for p in part if p != number(0.0)))
            for cell, part in enumerate(parts, start=1)
        ]

    def _coupling(self, name: str) -> str:
        """Return a coupling in its natural steps: t = (value / step)^power."""
        p = self.parameters[name]
        ratio = f"({name}/{number(p['step'])})"
        return self.function(f"{name}_t", "*".join([ratio] * p["power"]))

    def _moved(self, name: str) -> str:
        return f"({name} - {number(self.parameters[name]['centre'])})"

    def _factor(self, name: str, factors: Sequence[str], strength: str) -> str:
        """Return strength times one plus what factors add; "1.0" where that is all."""
        text = plus(["1.0", *(self._moved(f) for f in factors)])
        whole = [part for part in (strength, text) if part != "1.0"]
        return self.function(name, "*".join(whole)) if whole else "1.0"

    def _basis(self, name: str, part: Mapping[str, Any]) -> list[str]:
        """Return the products of Chebyshev polynomials of each row of degrees, "" for one."""
        coordinates = []
        for i, c in enumerate(part["coordinates"]):
            ends = f"2.0*{c['parameter']} - {number(c['low'] + c['high'])}"
            coordinates.append(self.function(f"{name}_x{i}", f"({ends})/{number(c['high'] - c['low'])}"))
        return [
            "*".join(self._chebyshev(x, degree) for x, degree in zip(coordinates, row, strict=True) if degree > 0)
            for row in part["degrees"]
        ]

    def _chebyshev(self, x: str, degree: int) -> str:
        """Return the name of the function T_degree of a coordinate, made of those of half the degree.

        T_(m+n) = 2 T_m T_n - T_(m-n). In powers of x the terms would cancel: T_24 would be wrong by 1e-8. A reader that
        keeps no values evaluates some `degree` functions for it. With T_n = 2 x T_(n-1) - T_(n-2) these would be
        millions at degree 32.
        """
        if degree == 1:
            return x
        half, rest = degree // 2, degree % 2
        product = f"2.0*{self._chebyshev(x, half + rest)}*{self._chebyshev(x, half)}"
        return self.function(f"{x}_t{degree}", f"{product} - {x if rest else number(1.0)}")

    def _table(self, name: str, template: Mapping[str, Any]) -> list[str]:
        basis = [row and self.function(f"{name}_{i}", row) for i, row in enumerate(self._basis(name, template))]
        terms, tables = list(basis), list(template["coefficients"])
        for m in template["morphs"]:
            z = self.function(f"{m['parameter']}_z", f"{self._moved(m['parameter'])}/{number(m['step'])}")
            # z^2 up to |z| = 1, and the straight line 2 |z| - 1 beyond.
            beyond = f"max(abs({z}) - 1.0, 0.0)"
            square = self.function(f"{m['parameter']}_z2", f"{z}*{z} - {beyond}*{beyond}")
            terms += [z, square]
            tables += [m["linear"], m["square"]]
        factor = template["numbers"]["factor"]
        return [
            _scaled("1.0" if factor == 1.0 else _given(factor), _combined(terms, [t[cell] for t in tables]))
            for cell in range(len(tables[0]))
        ]

    def _formula(self, experiment: Mapping[str, Any], template: Mapping[str, Any]) -> list[str]:
        numbers, keV = template["numbers"], template["keV"]
        shift = plus([number(template["shift"]), *(self._moved(s) for s in template["shifts"])])
        ends = sum(template["ends"]), template["ends"][1] - template["ends"][0]
        cells = zip(template["low"], template["high"], template["weight"], strict=True)
        if template["kind"] == "flat":
            rate, tilt = (_given(numbers[key]) for key in ("rate_per_keV_kg_d", "tilt"))
            return [
                times(weight * keV * (high - low), rate, f"(1.0 + {times((low + high - ends[0]) / ends[1], tilt)})")
                for low, high, weight in cells
            ]
        if template["kind"] == "exponential":
            height, decay, start = (_given(numbers[key]) for key in ("height_per_keV_kg_d", "decay", "start"))

            def fallen(end: float) -> str:
                return f"exp(({start} - {number(end)} + {shift})/{decay})"

            return [
                times(weight * keV, height, decay, f"({fallen(low)} - {fallen(high)})") for low, high, weight in cells
            ]
        return self._line(experiment, template)

    def _line(self, experiment: Mapping[str, Any], template: Mapping[str, Any]) -> list[str]:
        """Return the counts of a line whose centres and widths are fixed: HS3 has no error function."""
        area, centre, width, *rest = template["numbers"].values()
        followers = [rest[i : i + 3] for i in range(0, len(rest), 3)]  # ratio, centre, width of each
        peaks = [(centre, width)]
        for own, (_, c, w) in zip(template["own_widths"], followers, strict=True):
            peaks.append((c, w if own else width))
        used = [number for peak in peaks for number in peak] + template["shifts"]
        if moving := [name for name in dict.fromkeys(used) if self._fixed(name) is None]:
            raise InputError(
                f"{experiment['name']}: {', '.join(moving)} moves the line {template['name']}, which needs the error "
                "function, and HS3 has none; fix it at a value, or export to json"
            )
        shift = template["shift"] + sum(
            (self._fixed(s) or 0.0) - self.parameters[s]["centre"] for s in template["shifts"]
        )
        ratios = ["1.0", *(_given(ratio) for ratio, _, _ in followers)]
        counts = []
        for low, high, weight in zip(template["low"], template["high"], template["weight"], strict=True):
            shares = []
            for c, w in ((self._fixed(c) or 0.0, self._fixed(w) or 0.0) for c, w in peaks):
                ends = (math.erf((end - shift - c) / (2**0.5 * w)) for end in (low, high))
                shares.append((-next(ends) + next(ends)) / 2)
            counts.append(times(_given(area), _combined(ratios, [weight * share for share in shares])))
        return counts

    def _fixed(self, given: float | str) -> float | None:
        """Return a number, or the value of a parameter that is fixed; None for all others."""
        if not isinstance(given, str):
            return float(given)
        p = self.parameters[given]
        return float(p["value"]) if p.get("fixed") else None


def _given(value: float | str) -> str:
    return value if isinstance(value, str) else number(value)


def _scaled(factor: str, text: str) -> str:
    return text if factor == "1.0" or text == number(0.0) else f"{factor}*{text}"


def _combined(terms: Sequence[str], coefficients: Sequence[float]) -> str:
    """Return a sum of coefficients times terms, "" being one; coefficients of zero are left out."""
    pairs = zip(terms, coefficients, strict=True)
    return plus(times(float(c), term) if term else number(c) for term, c in pairs if c != 0)
