"""`python -m kerasgan`: the same as the command `kerasgan`, but Python imports the whole package first."""

from kerasgan_cli import main

if __name__ == "__main__":
    raise SystemExit(main())
