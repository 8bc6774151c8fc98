"""`python -m kerasgan_cli`: the command `kerasgan`, without importing the package first."""

from kerasgan_cli import main

if __name__ == "__main__":
    raise SystemExit(main())
