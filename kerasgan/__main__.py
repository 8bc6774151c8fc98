"""`python -m kerasgan`: the same as the command `kerasgan`."""

from kerasgan.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
