"""Suites that are run apart from the tests: `nox -s chaos` attacks for half an hour what the tests attack for a minute."""

import nox

nox.options.default_venv_backend = "uv|venv"


@nox.session
def tests(session: nox.Session) -> None:
    """Every test, with the arguments of pytest after `--`."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Measure what the package costs: `nox -s benchmarks -- change`, or another of tests/benchmarks/measure.py."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "benchmarks.measure", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session
def chaos(session: nox.Session) -> None:
    """Kill, cut off and eavesdrop on migrations; how often is an argument: `nox -s chaos -- --rounds=100`."""
    session.install("-e", ".[test]")
    session.run("pytest", "tests/chaos", "--rounds=20", *session.posargs)
