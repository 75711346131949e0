"""An application that migrates at its start, restarted by a server because a file has changed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.program import tables
from support.project import Project
from support.waiting import Write, read_until

UVICORN = Path(sys.executable).with_name("uvicorn")
MAIN = """
from contextlib import asynccontextmanager

from alembic_async_template import Migrations

migrations = Migrations("alembic.ini")


@asynccontextmanager
async def lifespan(app):
    await migrations.upgrade()
    yield


async def app(scope, receive, send):
    assert scope["type"] == "lifespan"
    async with lifespan(app):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    import uvicorn

    uvicorn.run("main:app", reload=True, port=0)
"""
STARTS: dict[str, tuple[str | Path, list[str]]] = {
    "by an argument": (UVICORN, ["main:app", "--reload", "--port", "0"]),
    "by the program itself": (sys.executable, ["main.py"]),
}
CREATE = "op.create_table('{}', sa.Column('id', sa.Integer))"


@contextmanager
def served(project: Project, url: str, kind: str) -> Iterator[subprocess.Popen[str]]:
    program, arguments = STARTS[kind]
    server = project.start(url, *arguments, program=program)
    try:
        yield server
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate()


@pytest.mark.parametrize("kind", STARTS)
def test_a_revision_that_was_just_written_is_not_applied(project: Project, write: Write, sqlite_url: str, kind: str) -> None:
    """The first start migrates; after a reload, what is pending is named in one line, until the setting allows it."""
    project.write({"main.py": MAIN})
    write(one=CREATE.format("one"))
    with served(project, sqlite_url, kind) as server:
        read_until(server, "Application startup complete")
        assert tables(sqlite_url) == {"one"}
        write(one=CREATE.format("one"), two=CREATE.format("two"))
        output = read_until(server, "Application startup complete")
        assert (
            "WARNING:  Not applied after a reload: two. Read what was written, then run alembic upgrade head, "
            "or set upgrade_on_reload = on in alembic.ini\n"
        ) in output
        assert tables(sqlite_url) == {"one"}
        project.set(upgrade_on_reload="on")
        time.sleep(1)  # a reloader compares times of files
        project.write({"main.py": MAIN + "\n"})
        output = read_until(server, "Application startup complete")
        assert "Not applied" not in output
        assert tables(sqlite_url) == {"one", "two"}


@pytest.mark.parametrize(("changes", "applied"), [([], True), ([["modified", "main.py"]], False)])
def test_watchfiles_says_whether_it_reloads(
    project: Project, write: Write, sqlite_url: str, changes: list[object], applied: bool
) -> None:
    """It tells its programs which files have changed: none of them at the first start."""
    project.write({"main.py": MAIN})
    write(one=CREATE.format("one"))
    project.environment["WATCHFILES_CHANGES"] = json.dumps(changes)
    server = project.start(sqlite_url, "main:app", "--port", "0", program=UVICORN)
    read_until(server, "Application startup complete")
    server.send_signal(signal.SIGINT)
    server.communicate()
    assert tables(sqlite_url) == ({"one"} if applied else set())


def test_workers_do_not_reload(project: Project, write: Write, sqlite_url: str) -> None:
    """Servers that a supervisor starts beside each other migrate, whichever is first."""
    project.write({"main.py": MAIN})
    write(one=CREATE.format("one"))
    server = project.start(sqlite_url, "main:app", "--workers", "2", "--port", "0", program=UVICORN)
    output = read_until(server, "Application startup complete") + read_until(server, "Application startup complete")
    server.send_signal(signal.SIGINT)
    server.communicate()
    assert "Not applied" not in output
    assert tables(sqlite_url) == {"one"}
