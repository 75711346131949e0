"""What the attacks on a command have in common: how many rounds of each there are, and what comes of the history."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from chaos.attack import HISTORY, Undisturbed, finish, read_schema, start
from chaos.proxy import start_proxy
from support.project import Project, write_revisions
from support.servers import create_postgresql_database


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that the long form of these tests is run with."""
    parser.addoption("--rounds", type=int, default=2, help="how often each attack of tests/chaos is tried, by default 2 times")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let each round be a test, with a number of its own that its random points come from."""
    if "round_number" in metafunc.fixturenames:
        metafunc.parametrize("round_number", range(int(metafunc.config.getoption("--rounds", 2) or 0)))


@pytest.fixture
def database(embedded_postgresql: str) -> Iterator[str]:
    """An empty database."""
    with create_postgresql_database(embedded_postgresql) as url:
        yield url


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, embedded_postgresql: str) -> Undisturbed:
    """The project of the history, and its upgrade without a disturbance."""
    project = Project(tmp_path_factory.mktemp("history"))
    project.alembic("init", "-t", "async-fastapi", "migrations")
    write_revisions(project.directory, **HISTORY)
    with create_postgresql_database(embedded_postgresql) as url, start_proxy(url) as proxy:
        started = time.monotonic()
        returncode, stdout, stderr = finish(start(project, proxy.url))
        assert returncode == 0, stdout + stderr
        return Undisturbed(project, read_schema(url), time.monotonic() - started, proxy.chunks)
