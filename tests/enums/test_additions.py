"""Additions in whole revisions: every kind of environment, a process that is killed, and any order of neighbours."""

import asyncio
import signal
import subprocess
import time
from textwrap import indent

import asyncpg
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from support.commands import ALEMBIC
from support.enums import create_enum, operations, read_enums
from support.project import Project

REVISION = '''
"""{name}"""
import os, signal
from alembic_async_template import op

revision = "{name}"
down_revision = {previous!r}


def upgrade():
{upgrade}


def downgrade():
    pass
'''

ONE = "op.execute(\"CREATE TYPE mood AS ENUM ('a', 'z')\")\nop.execute(\"CREATE TABLE t (m mood)\")"
TWO = (
    'op.add_enum_value("mood", "b", after="a")\n'
    'op.add_enum_value("mood", "c", before="z")\n'
    "op.execute(\"INSERT INTO t VALUES ('b'), ('c')\")"
)
KILL = 'if os.environ.get("KILL") == "{}": os.kill(os.getpid(), signal.SIGKILL)\n'


@pytest.fixture(params=["async-fastapi", "async-fastapi without", "async", "async with", "generic", "generic with"])
def environment(request: pytest.FixtureRequest, project: Project, postgresql_url: str) -> Project:
    """A project with this package's environment, or one of Alembic's, with or without a transaction per migration."""
    template, _, word = request.param.partition(" ")
    project.alembic("init", "-t", template, "migrations")
    env = project.directory / "migrations/env.py"
    if template == "async-fastapi":
        project.environment["DATABASE_URL"] = postgresql_url
        if word == "without":
            text = env.read_text()
            assert text.count("run_environment()") == 1
            env.write_text(text.replace("run_environment()", "run_environment(transaction_per_migration=False)"))
    else:
        ini = project.directory / "alembic.ini"
        url = postgresql_url.replace("postgresql:", "postgresql+asyncpg:" if template == "async" else "postgresql+psycopg:")
        ini.write_text(ini.read_text().replace("driver://user:pass@localhost/dbname", url.replace("%", "%%")))
        if word == "with":
            env.write_text(env.read_text().replace("context.configure(", "context.configure(transaction_per_migration=True, "))
            assert "transaction_per_migration=True, connection=connection" in " ".join(env.read_text().split())
    return project


def write_revision(project: Project, name: str, previous: str | None, upgrade: str) -> None:
    text = REVISION.format(name=name, previous=previous, upgrade=indent(upgrade, "    "))
    project.write({f"migrations/versions/{name}.py": text})


def rows(url: str, query: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute(query.encode()).fetchall()]


def test_additions_work_in_every_environment(environment: Project, postgresql_url: str) -> None:
    """A value is added in the run that creates the type, used in its own revision, and added again after a downgrade."""
    write_revision(environment, "one", None, ONE)
    write_revision(environment, "two", "one", TWO)
    environment.alembic("upgrade", "head")
    assert read_enums(postgresql_url) == {"public.mood": ["a", "b", "c", "z"]}
    environment.alembic("downgrade", "one")
    environment.alembic("upgrade", "head")
    assert rows(postgresql_url, "SELECT m::text FROM t") == ["b", "c", "b", "c"]
    assert rows(postgresql_url, "SELECT version_num FROM alembic_version") == ["two"]


def test_the_first_revision_of_all_may_add_a_value(environment: Project, postgresql_url: str) -> None:
    """Alembic's making of its version table is no work of the revision's."""
    create_enum(postgresql_url, "mood", ["a", "z"])
    write_revision(environment, "two", None, TWO.replace("op.execute", "# "))
    environment.alembic("upgrade", "head")
    assert read_enums(postgresql_url) == {"public.mood": ["a", "b", "c", "z"]}


def test_an_addition_after_work_leaves_no_half_of_it(environment: Project, postgresql_url: str) -> None:
    """It is refused and rolled back where revisions have transactions of their own, and warned of elsewhere."""
    write_revision(environment, "one", None, ONE)
    environment.alembic("upgrade", "head")
    write_revision(environment, "two", "one", 'op.execute("CREATE TABLE work (id int)")\n' + TWO)
    result = environment.alembic("upgrade", "head", check=False)
    tables = rows(postgresql_url, "SELECT relname::text FROM pg_class WHERE relname = 'work'")
    env = " ".join((environment.directory / "migrations/env.py").read_text().split())
    if "transaction_per_migration=True" in env or "run_environment()" in env:
        assert result.returncode != 0
        assert result.output.endswith(
            "  fix    put op.add_enum_value first in the function\n"
            '  or     put it into a revision of its own:\n         alembic revision -m "add b"\n'
        )
        assert (tables, read_enums(postgresql_url)) == ([], {"public.mood": ["a", "z"]})
    else:
        assert result.returncode == 0, result
        assert "commits what this run has done before" in result.output
        assert (tables, read_enums(postgresql_url)) == (["work"], {"public.mood": ["a", "b", "c", "z"]})


@pytest.mark.parametrize("moment", ["before", "between", "after", "end"])
def test_a_killed_process_leaves_what_a_rerun_finishes(environment: Project, postgresql_url: str, moment: str) -> None:
    """A rerun ends in the same state, whichever statement was the last one."""
    lines = TWO.splitlines()
    write_revision(environment, "one", None, ONE)
    kills = [KILL.format(name) for name in ("before", "between", "after", "end")]
    write_revision(environment, "two", "one", "".join(f"{k}{line}\n" for k, line in zip(kills, [*lines, "pass"], strict=True)))
    environment.alembic("upgrade", "one")
    killed = environment.alembic("upgrade", "head", env={"KILL": moment}, check=False)
    assert killed.returncode == -signal.SIGKILL
    added = {"before": [], "between": ["b"]}.get(moment, ["b", "c"])
    assert read_enums(postgresql_url) == {"public.mood": ["a", *added, "z"]}
    assert rows(postgresql_url, "SELECT version_num FROM alembic_version") == ["one"]
    environment.alembic("upgrade", "head")
    assert read_enums(postgresql_url) == {"public.mood": ["a", "b", "c", "z"]}
    assert rows(postgresql_url, "SELECT m::text FROM t") == ["b", "c"]


def test_a_process_killed_in_the_block_leaves_what_a_rerun_finishes(environment: Project, postgresql_url: str) -> None:
    """The statement waits for a lock, and the server runs it although the client has gone."""
    write_revision(environment, "one", None, ONE)
    write_revision(environment, "two", "one", TWO)
    environment.alembic("upgrade", "one")
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TYPE%'"
    with psycopg.connect(postgresql_url) as blocker:
        blocker.execute("ALTER TYPE mood ADD VALUE 'other'")
        process = subprocess.Popen(
            [str(ALEMBIC), "upgrade", "head"], cwd=environment.directory, env={"PATH": "", **environment.environment}
        )
        deadline = time.monotonic() + 30
        while not rows(postgresql_url, f"{waiting} AND datname = current_database()"):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        blocker.rollback()
    environment.alembic("upgrade", "head")
    assert read_enums(postgresql_url) == {"public.mood": ["a", "b", "c", "z"]}
    assert rows(postgresql_url, "SELECT m::text FROM t") == ["b", "c"]


LABELS = st.sampled_from([*"abcdef", "it's", '"', "%"])
Addition = tuple[str, str | None, str]
ADDITIONS = st.lists(st.tuples(LABELS, st.sampled_from(["before", "after", None]), LABELS), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(additions=ADDITIONS)
def test_any_sequence_of_additions_ends_in_the_order_of_a_model(
    postgresql_url: str, additions: list[tuple[str, str | None, str]]
) -> None:
    """A list to which each value is added at its place, once; a second run of all changes nothing."""
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("DROP TYPE IF EXISTS mood")
        connection.execute("CREATE TYPE mood AS ENUM ('start')")
    order = ["start"]
    calls = []
    for value, side, neighbour in additions:
        known = neighbour if neighbour in order and neighbour != value else "start"
        calls.append((value, {side: known} if side else {}))
        if value not in order:
            order.insert({"before": order.index(known), "after": order.index(known) + 1}.get(side or "", len(order)), value)
    engine = create_engine(postgresql_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        op = operations(connection)
        for value, where in calls * 2:
            op.add_enum_value("mood", value, **where)
    engine.dispose()
    assert read_enums(postgresql_url) == {"public.mood": order}


def test_live_clients_are_not_disturbed(postgresql_url: str) -> None:
    """A client with cached statements reads and writes on, and sees the new value and the new name."""
    create_enum(postgresql_url, "mood", ["a"])
    engine = create_engine(postgresql_url.replace("postgresql:", "postgresql+psycopg:"))

    async def work() -> list[str]:
        client = await asyncpg.connect(postgresql_url)
        await client.execute("CREATE TABLE t (m mood)")
        insert = await client.prepare("INSERT INTO t VALUES ($1)")
        await insert.fetch("a")
        with engine.connect() as connection:
            op = operations(connection)
            op.add_enum_value("mood", "b")
            op.rename_enum_value("mood", "a", "A")
            connection.commit()
        await insert.fetch("b")
        found = [row["m"] for row in await client.fetch("SELECT m FROM t ORDER BY m")]
        await client.close()
        return found

    assert asyncio.run(work()) == ["A", "b"]
    engine.dispose()
