"""Run benchmarks one after another: a JSON file for each, one table for all, and the page docs/benchmarks.md.

    python -m benchmarks [NAME ...] [--quick] [--out DIR] [--reproduce] [--page]

Without names all benchmarks run, except the calibration, which takes long, and the comparison of devices where there is
no graphics card. With `--quick` sizes are small, so that the aims mean nothing, and nothing is written unless `--out`
names a folder. Results of a graphics card are written beside those of a processor, into a folder of their own.
"""

import argparse
import importlib
import os
import time
from pathlib import Path

import jax

from benchmarks.common import machine, write_json
from benchmarks.page import page, read_results, table

NAMES = (
    "first_call",
    "predict_process",
    "memory",
    "mediator_scan",
    "nuisances",
    "coherent",
    "combination",
    "gradient",
    "export",
    "sampling",
    "feldman_cousins",
    "coverage",
    "scaling",
    "devices",
    "calibration",
)
RESULTS = Path(__file__).parent / "results"
CARD = RESULTS / "gpu"
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def write_page() -> None:
    """Write docs/benchmarks.md from the results that there are."""
    PAGE.write_text(page(read_results(RESULTS, NAMES), read_results(CARD, NAMES), NAMES), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="small sizes; writes nothing unless --out is given")
    parser.add_argument("--out", type=Path, help="a folder for the JSON files; by default benchmarks/results")
    parser.add_argument("--reproduce", action="store_true", help="first_call: measure `cevnsjax reproduce`, too")
    parser.add_argument("--page", action="store_true", help="only write docs/benchmarks.md from the results")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in NAMES]:
        parser.error(f"unknown benchmark '{unknown[0]}'; there are {', '.join(NAMES)}")
    if arguments.page:
        write_page()
        return
    # The processes of a benchmark share a graphics card: none may take its memory before it is needed.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    card = jax.default_backend() != "cpu"
    results_folder = CARD if card else RESULTS
    out = results_folder if arguments.out is None and not arguments.quick else arguments.out
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    rows = []
    left_out = {"calibration"} if card else {"calibration", "devices"}
    for name in arguments.names or [name for name in NAMES if name not in left_out]:
        print(f"{name} ...", flush=True)
        start = time.perf_counter()
        more = {"reproduce": True} if name == "first_call" and arguments.reproduce else {}
        results = importlib.import_module(f"benchmarks.{name}").run(arguments.quick, **more)
        rows += results["rows"]
        if out is not None:
            write_json(out / f"{name}.json", {**results, "quick": arguments.quick, "machine": machine()})
        if out == results_folder:
            write_page()
        print(f"{table(results['rows'])}\n{name}: {time.perf_counter() - start:.0f} s", flush=True)
        # Each benchmark compiles for itself; and Linux grants a process only so many mappings for programs.
        jax.clear_caches()


if __name__ == "__main__":
    main()
