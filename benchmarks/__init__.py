"""How fast the package is, and beside what: `python -m benchmarks` measures all of it."""
