"""`alembic drift`: how a live database differs from what its own revisions make."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from support.drift import type_statement
from support.project import Project, write_environment
from support.servers import create_postgresql_database

TABLES = """op.execute("CREATE TABLE post (id serial PRIMARY KEY, n int, title varchar(20))")
    op.execute("CREATE TYPE status AS ENUM ('draft', 'live')")
    op.execute("CREATE INDEX ix_post_n ON post (n)")"""


@pytest.fixture
def live(project: Project, postgresql_url: str) -> str:
    write_environment(
        project.directory, postgresql_url.replace("%", "%%"), one=TABLES, two='op.add_column("post", sa.Column("x", sa.Text()))'
    )
    project.alembic("upgrade", "one")
    return postgresql_url


def find(project: Project, *arguments: str, returncode: int) -> dict[str, Any]:
    result = project.alembic("drift", "--json", *arguments, check=False)
    assert result.returncode == returncode, str(result)
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_what_is_printed_brings_it_back(project: Project, live: str) -> None:
    """The report is a script: run as it is, it leaves nothing but what it cannot solve without a loss."""
    quiet = project.alembic("drift")
    assert quiet.stdout.endswith(" is as its revisions make it\n")
    assert "***" in quiet.stdout
    execute(
        live,
        "DROP INDEX ix_post_n",
        "ALTER TABLE post ALTER n SET NOT NULL",
        "ALTER TYPE status ADD VALUE 'old'",
        "CREATE TABLE extra (x int)",
    )
    result = project.alembic("drift", check=False)
    assert result.returncode == 1
    assert "-- index public.ix_post_n is not in the database\nCREATE INDEX " in result.stdout
    assert "-- table public.extra is in the database, and no revision makes it\n" in result.stdout
    assert "4 differences between postgresql" in result.stdout
    type_statement(live, result.stdout[: result.stdout.rindex(";") + 1])
    left = find(project, returncode=1)
    assert sorted((one["kind"], one["name"], one["statement"]) for one in left["differences"]) == [
        ("enum type", "public.status", None),
        ("table", "public.extra", None),
    ]
    assert (left["version"], left["error"], left["revision"]) == (1, None, ["one"])


def test_at_the_revision_where_the_database_is(project: Project, live: str) -> None:
    """What is pending is no drift."""
    assert find(project, returncode=0)["revision"] == ["one"]
    project.alembic("upgrade", "head")
    assert find(project, returncode=0)["revision"] == ["two"]
    execute(live, "ALTER TABLE post DROP x")
    (difference,) = find(project, returncode=1)["differences"]
    assert difference["statement"] == "ALTER TABLE public.post ADD COLUMN x text;"


def test_what_env_py_leaves_out(project: Project, live: str) -> None:
    project.write(
        {
            "migrations/env.py": "from alembic_async_template import run_environment\n\n"
            "run_environment(include_name=lambda name, type_, parents: name != 'extra')\n"
        }
    )
    execute(live, "CREATE TABLE extra (x int)", "CREATE TABLE other (x int)")
    (difference,) = find(project, returncode=1)["differences"]
    assert difference["name"] == "public.other"


def test_another_place_for_the_shadow(project: Project, live: str) -> None:
    with create_postgresql_database(live) as shadow:
        project.set(shadow_url=shadow.replace("%", "%%"))
        execute(live, "DROP INDEX ix_post_n")
        assert [one["name"] for one in find(project, returncode=1)["differences"]] == ["public.ix_post_n"]


def test_a_history_that_does_not_run(project: Project, live: str) -> None:
    """Exit status 2, with the error of the revision."""
    path = project.directory / "migrations/versions/one.py"
    path.write_text(path.read_text().replace("op.execute(", 'op.execute("SELECT nowhere()")\n    op.execute(', 1))
    result = project.alembic("drift", check=False)
    assert result.returncode == 2
    assert result.block.startswith("The revisions until one do not run on an empty database:")
    assert "function nowhere() does not exist" in result.block
    execute(live, "UPDATE alembic_version SET version_num = 'gone'")
    assert project.alembic("drift", check=False).returncode == 2
