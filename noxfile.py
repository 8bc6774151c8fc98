"""Sessions for `nox`: the ordinary suite on each tested pair of Keras and TensorFlow, and the checks of CI.

`nox -s tests` runs the suite on every pair, `nox -s "tests(newest)"` on one. docs/development.md says which were run.
"""

import nox

PAIRS = {
    "newest": ("keras==3.15.*", "tensorflow==2.21.*", "tensorboard==2.21.*"),
    "previous": ("keras==3.14.*", "tensorflow==2.20.*", "tensorboard==2.20.*"),
}

nox.options.sessions = ["style", "tests"]


@nox.session
@nox.parametrize("pair", list(PAIRS), ids=list(PAIRS))
def tests(session, pair):
    """The ordinary suite on one pair; arguments after `--` go to pytest."""
    session.install(".[test]", *PAIRS[pair])
    session.run("pytest", *session.posargs)


@nox.session
def slow(session):
    """The slow suite on the newest pair."""
    session.install(".[test]", *PAIRS["newest"])
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session
def style(session):
    """ruff's checks and its formatting."""
    session.install("ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def docs(session):
    """The documentation site, in `site/`."""
    session.install(".[docs]")
    session.run("mkdocs", "build", "--strict")


@nox.session
def package(session):
    """The sdist and the wheel, and the two commands from the wheel."""
    session.install("build", "twine")
    folder = session.create_tmp()
    session.run("python", "-m", "build", "--outdir", folder)
    session.run("bash", "-c", f"twine check {folder}/*", external=True)
    session.run("bash", "-c", f"pip install {folder}/*.whl", external=True)
    session.run("kerasgan", "--help")
    session.run("kerasgan", "recipes")
