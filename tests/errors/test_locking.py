"""Errors of locks that a revision does not get."""

from __future__ import annotations

import re
import time
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from support.cases import Case, run
from support.project import Project


@pytest.mark.postgresql
@pytest.mark.parametrize("template", ["async", "async-fastapi"])
def test_a_deadlock(templates: Path, tmp_path: Path, embedded_url: str, template: str) -> None:
    """The error says what PostgreSQL ended, and which process was in the way."""
    project = Project(tmp_path / "project")
    body = 'op.execute("LOCK TABLE one")\n    op.execute("LOCK TABLE two")'
    case = Case("", revisions={"first": body}, command=("history",))
    run(project, case, templates / template, make_url(embedded_url))
    if template == "async-fastapi":
        project.set(lock_retries="0", lock_timeout="30s")
    with psycopg.connect(embedded_url) as connection:
        connection.execute("CREATE TABLE one (id int); CREATE TABLE two (id int)")
        connection.commit()
        connection.execute("LOCK TABLE two")
        process = project.start(embedded_url)
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'two'::regclass"
        while connection.execute(waiting).fetchone() == (0,):
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.02)
        connection.execute("LOCK TABLE one")  # ends when PostgreSQL has ended the other one, which has waited for longer
        output = process.communicate()[0]
    assert process.returncode != 0
    if template == "async":
        assert "DeadlockDetectedError" in output
    else:
        assert "Traceback" not in output
        assert re.fullmatch(
            r"It did not get a lock in one attempt: deadlock detected\n"
            r"  where  revision first, migrations/versions/first\.py:14\n"
            r'         op\.execute\("LOCK TABLE two"\)\n'
            r"         LOCK TABLE two\n"
            r"         waited for .*\n"
            r"  state  rolled back; applied before it in this run: none\n"
            r"  fix    wait for the blocking transaction to end, then run the command again\n"
            r"  or     raise lock_timeout and lock_retries in alembic\.ini:\n"
            r"         lock_timeout = 30s\n",
            output.partition("FAILED: ")[2],
        )
