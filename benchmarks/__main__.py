"""Run the benchmarks one after another: a JSON file for each, and one table for all.

    python -m benchmarks [--quick] [--out DIR] [--only NAME ...]

The sizes of `--quick` show that all of it works; its figures say little, as the aims are those of the full sizes.
"""

import argparse
import importlib
import time
from pathlib import Path

import jax

from benchmarks.common import machine, table, write_json

NAMES = (
    "mediator_scan",
    "nuisances",
    "gradient",
    "sampling",
    "feldman_cousins",
    "scaling",
    "precision",
    "predict_process",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="a folder for JSON files")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=", ".join(NAMES))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in arguments.only:
        print(f"{name} ...", flush=True)
        start = time.perf_counter()
        results = importlib.import_module(f"benchmarks.{name}").run(arguments.quick)
        rows += results["rows"]
        write_json(arguments.out / f"{name}.json", {**results, "quick": arguments.quick, "machine": machine()})
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
        # Each benchmark compiles for itself; and Linux grants a process only so many mappings for programs.
        jax.clear_caches()
    print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()
