"""`python -m cevnsjax`: the command line where the command itself is not on the path."""

from cevnsjax.cli import main

if __name__ == "__main__":
    main()
