"""What is run by hand, and by .ci/run in turn: `nox -s check` before every commit, `nox -l` for the rest.

Arguments after `--` take the place of the tests that a session runs: `nox -s oldest -- tests/unit/test_url.py`.
"""

import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "uv|venv"
nox.options.sessions = ["check"]
nox.options.error_on_missing_interpreters = True

OLDEST, NEWEST = "3.11", "3.14"

UNIT = ["tests/unit"]
# What reaches Alembic's private names and hooks.
HOOKS = ["tests/unit/test_compat.py", "tests/unit/test_plugin.py", "tests/unit/test_op.py"]
AWAITABLE = ["tests/run/test_binds.py", "tests/run/test_migrations.py", "-k", "postgresql1 or sqlite"]
REVISIONS = [
    "tests/autogenerate/test_enum_revisions.py",
    "tests/autogenerate/test_portable_enums.py",
    "-k",
    "postgresql1 or sqlite",
]
LAYOUT = ["tests/projects/test_layouts.py", "-k", "plain and not postgresql2"]
FEW_LAYOUTS = ["tests/projects/test_layouts.py", "-k", "(plain or app_models) and not postgresql2"]
MANY_LAYOUTS = [*FEW_LAYOUTS[:2], "(plain or app_models or sqlmodel_tables or schemas) and not postgresql2"]

VERSIONS = """
import sys
from importlib.metadata import version

names = ("alembic", "sqlalchemy", "sqlmodel", "pydantic", "asyncpg", "psycopg", "aiosqlite", "asyncmy", "aiomysql")
print(f"Python {sys.version.split()[0]}", *(f"{name} {version(name)}" for name in names), sep=", ")
"""


def _build(session: nox.Session) -> Path:
    """Build the sdist, and the wheel from it; returns the wheel."""
    folder = Path(session.create_tmp(), "dist").resolve()
    session.run("uv", "build", "--quiet", "--clear", "--out-dir", str(folder))
    (wheel,) = folder.glob("*.whl")
    return wheel


def _install_wheel(session: nox.Session, *versions: str) -> None:
    session.install(f"alembic-async-template[test] @ {_build(session).as_uri()}", *versions)
    session.run("python", "-c", VERSIONS)


def _test(session: nox.Session, *suites: list[str]) -> None:
    # Not in the session's own temporary folder, which is inside of this project: tests look for what is around theirs.
    # And what is chosen by the name of a server is not left to another one.
    environment = {"TMPDIR": tempfile.gettempdir(), "TEST_EACH_ON_EACH": "1"}
    for tests in [session.posargs] if session.posargs else suites:
        session.run("pytest", *tests, env=environment)


@nox.session(reuse_venv=True)
def check(session: nox.Session) -> None:
    """Format, lint, types, docs and the quick unit tests: for every day, in less than a minute."""
    session.install("-e", ".[dev]")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy")
    session.run("pyright")
    session.run("pytest", "tests/unit", "tests/packaging/test_docs.py", "-m", "not slow", *session.posargs)


@nox.session(reuse_venv=True)
def tests(session: nox.Session) -> None:
    """Run every test, on the servers that environment variables name (docs/CONTRIBUTING.md)."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session(python=OLDEST)
def package(session: nox.Session) -> None:
    """Build the distributions, and use the wheel alone with one driver in an empty folder."""
    wheel = _build(session)
    session.run("uv", "tool", "run", "twine", "check", "--strict", *map(str, wheel.parent.glob("alembic_async_template-*")))
    session.install(f"alembic-async-template[asyncpg] @ {wheel.as_uri()}")
    empty = Path(session.create_tmp(), "empty")
    empty.mkdir()
    with session.chdir(empty):
        session.run("python", "-W", "error", "-c", "import alembic")
        session.run("alembic", "list_templates")
        session.run("alembic", "init", "-t", "async-fastapi", "migrations")


@nox.session(python=OLDEST)
def oldest(session: nox.Session) -> None:
    """Test the lower bounds of pyproject.toml; the tools that the tests themselves need are the newest."""
    bounds = Path(session.create_tmp(), "oldest.txt")
    extras = [f"--extra={name}" for name in ("asyncpg", "psycopg", "aiosqlite", "asyncmy", "aiomysql", "sqlmodel")]
    options = ["--quiet", "--resolution=lowest-direct", f"--python-version={OLDEST}", f"--output-file={bounds}"]
    session.run("uv", "pip", "compile", *options, *extras, "pyproject.toml")
    _install_wheel(session, "--constraints", str(bounds))
    _test(session, UNIT, AWAITABLE, REVISIONS, MANY_LAYOUTS)


@nox.session(python=OLDEST)
@nox.parametrize("version", ["1.18.5", "1.19.2", "1.20.0"])
def alembic(session: nox.Session, version: str) -> None:
    """Test what reaches into Alembic on releases in between, the first one with SQLAlchemy 2.0."""
    if version.startswith("1.18"):
        _install_wheel(session, f"alembic=={version}", "sqlalchemy<2.1")
        _test(session, HOOKS, LAYOUT)
    else:
        _install_wheel(session, f"alembic=={version}")
        _test(session, HOOKS)


@nox.session(python=NEWEST)
def newest(session: nox.Session) -> None:
    """Test the newest Python with the newest versions of everything."""
    _install_wheel(session, "sqlalchemy>=2.1")
    _test(session, UNIT, AWAITABLE, FEW_LAYOUTS)


@nox.session(reuse_venv=True)
def benchmarks(session: nox.Session) -> None:
    """Measure what the package costs: `nox -s benchmarks -- change`, or another of tests/benchmarks/measure.py."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "benchmarks.measure", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session(reuse_venv=True)
def chaos(session: nox.Session) -> None:
    """Kill, cut off and eavesdrop on migrations, for half an hour: `nox -s chaos -- --rounds=100` takes longer."""
    session.install("-e", ".[test]")
    session.run("pytest", "tests/chaos", "--rounds=20", *session.posargs)
