"""`alembic plan --sql`: a script for psql that does what `alembic upgrade` does."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from support.project import Project, write_environment
from support.servers import PSQL, create_postgresql_database

HISTORY = """op.execute("CREATE TYPE status AS ENUM ('draft', 'live', 'old')")
    op.execute("CREATE TABLE post (id serial PRIMARY KEY, n int, title text, status status DEFAULT 'draft', tags status[])")
    op.execute("CREATE INDEX ix_draft ON post (id) WHERE status = 'draft'")
    op.execute("CREATE VIEW drafts AS SELECT id, status FROM post WHERE status = 'draft'")
    op.execute("CREATE TYPE size AS ENUM ('s', 'm')")
    op.execute("CREATE TABLE shirt (size size, sizes size[])")
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
    try:
        with op.get_bind().begin_nested():
            op.execute("UPDATE post SET first = 8")
            op.execute("INSERT INTO nowhere VALUES (1)")
    except sa.exc.DBAPIError:
        op.execute("UPDATE post SET first = 9")
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
    "online": """with op.online():
        op.create_index("ix_post_title", "post", ["title"])
        op.alter_column("post", "n", nullable=False)
        op.create_unique_constraint("uq_post_n", "post", ["n"])
        op.create_check_constraint("ck_post_n", "post", "n > 0")
    op.execute("UPDATE post SET title = 'after it'")""",
    "rebuilds of what is new": """op.create_enum("Mood", ["good", "bad", "so"])
    op.execute('CREATE TABLE feeling (mood "Mood")')
    op.execute('INSERT INTO feeling SELECT unnest(enum_range(NULL::"Mood"))')
    op.replace_enum_values("Mood", ["bad", "fine"], replace_with={"good": "fine", "so": "bad"})""",
}

REMOVAL = 'op.remove_enum_value("status", "old", replace_with="live")'
UNMAPPED = 'op.remove_enum_value("size", "m")'


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


def test_the_live_catalog_decides(project: Project, databases: list[str]) -> None:
    """What someone has built on an enum type by hand is kept, as `upgrade` keeps it."""
    for url in databases:
        execute(
            url, "CREATE VIEW by_hand AS SELECT status FROM post", "CREATE INDEX by_hand_too ON post (n) WHERE status > 'draft'"
        )
        execute(url, "GRANT SELECT ON by_hand TO PUBLIC")
    write_revision(project, "two", REMOVAL)
    live, other = databases
    script = write_script(project, "plan", "--sql")
    assert "CREATE VIEW public.by_hand" in script
    result = run_script(live, script)
    assert (result.returncode, result.stderr) == (0, "")
    project.alembic("-x", f"url={other}", "upgrade", "head")
    assert read_rows(live) == read_rows(other)
    for query in (
        "SELECT pg_get_viewdef('by_hand'::regclass), relacl FROM pg_class WHERE relname = 'by_hand'",
        "SELECT pg_get_indexdef('by_hand_too'::regclass)",
    ):
        assert execute(live, query) == execute(other, query)


def test_a_change_of_both_is_refused(project: Project, databases: list[str]) -> None:
    """Where the pending revisions and someone else have changed how a type is used, no one knows what is meant."""
    execute(databases[0], "CREATE VIEW by_hand AS SELECT status FROM post")
    write_revision(project, "two", f'op.execute("CREATE VIEW more AS SELECT status FROM post")\n    {REMOVAL}')
    assert write_script(project, "plan", "--sql", returncode=2) == (
        "FAILED: The pending revisions cannot be written as a script\n"
        '  where  migrations/versions/two.py:14 enum "public"."status" is used otherwise in the live database than its revisions '
        "have it\n"
        "  fix    see how the database differs from its revisions:\n"
        "         alembic drift\n"
        "  or     let Alembic run these revisions:\n"
        "         alembic upgrade head\n"
    )


@pytest.mark.parametrize(
    ("meanwhile", "problem"),
    [
        (
            'CREATE VIEW "by hand\'s" AS SELECT status FROM post',
            """What uses enum "public"."status" has changed since this script was written: """
            """rule "_RETURN" on public."by hand's\", type public."by hand's\", type public."by hand's"[], view column public."by hand's".status""",
        ),
        (
            "CREATE OR REPLACE VIEW drafts AS SELECT id, status FROM post WHERE status > 'draft'",
            """has changed since this script was written: rule "_RETURN" on public.drafts, view column public.drafts.status""",
        ),
        ("ALTER TYPE status ADD VALUE 'x'", "has changed since this script was written: type public.status"),
        (
            "INSERT INTO shirt VALUES (NULL, '{s,m}')",
            """Rows of public.shirt (size, sizes) hold a value of "public"."size" that goes: m""",
        ),
        ("UPDATE alembic_version SET version_num = 'zero'", "This script begins at {one}, and the database is at {zero}"),
    ],
)
def test_the_script_stops(project: Project, databases: list[str], meanwhile: str, problem: str) -> None:
    """Nothing is changed where the database is not the one that it was written for."""
    write_revision(project, "two", f'op.execute("DROP INDEX ix_draft")\n    {REMOVAL}\n    {UNMAPPED}')
    script = write_script(project, "plan", "--sql")
    execute(databases[0], meanwhile)
    before = read_rows(databases[0])
    result = run_script(databases[0], script)
    assert result.returncode == 3, script
    assert problem in result.stderr, result.stderr
    assert read_rows(databases[0]) == before
    assert execute(databases[0], "SELECT to_regclass('ix_draft') IS NOT NULL") == [(True,)]


REFUSED = """found = op.get_bind().execute(sa.text("SELECT id FROM post")).all()
    while op.get_bind().execute(sa.text("UPDATE post SET n = 1 WHERE n = 2")).rowcount:
        pass
    print(op.get_bind().scalar(sa.text("SELECT nextval('post_id_seq')")))
    op.execute("COMMIT")
    from sqlalchemy.orm import Session
    with Session(op.get_bind()) as session:
        session.scalars(sa.text("SELECT id FROM drafts")).all()
    async def read(connection):
        return (await connection.execute(sa.text("DELETE FROM post WHERE n = 9"))).rowcount
    count = op.run_async(read)
    op.get_bind().execute(sa.text("SELECT relname FROM pg_class")).all()
    print(op.get_bind().scalar(sa.text("SELECT current_schema()")), op.get_bind().scalar(sa.text("SHOW search_path")))
    sa.inspect(op.get_bind()).get_columns("post")
    op.execute("UPDATE post SET n = 3; COMMIT; BEGIN")"""


@pytest.mark.usefixtures("databases")
def test_what_depends_on_rows_is_refused(project: Project) -> None:
    """Every line is named; what only looks into the catalog is none of them."""
    write_revision(project, "two", REFUSED)
    problem = "does what the result of a statement decides"
    transaction = "begins or ends a transaction"
    where = [(13, problem), (14, problem), (16, problem), (17, transaction), (20, problem), (22, problem), (27, transaction)]
    error = write_script(project, "plan", "--sql", returncode=2)
    assert error.startswith("FAILED: The pending revisions cannot be written as a script"), error
    lines = [line.removeprefix("  where  ").strip() for line in error.splitlines()[1 : len(where) + 1]]
    assert lines == [f"migrations/versions/two.py:{line} {reason}" for line, reason in where]
    assert error.splitlines()[len(where) + 1 :] == [
        "  fix    write it as SQL that does not need the result, or with op.execute, which has none",
        "  or     let Alembic end the transaction:",
        "         with op.get_context().autocommit_block():",
        "  or     let Alembic run these revisions:",
        "         alembic upgrade head",
    ]


def test_from_the_beginning(project: Project, postgresql_url: str) -> None:
    """An empty database; and a range, written without one."""
    write_environment(project.directory, postgresql_url.replace("%", "%%"), one=HISTORY)
    result = project.alembic("plan", "--sql")
    script = result.stdout
    assert result.stderr == "Nothing blocks a table while one of more than 100,000 rows is worked on\n"
    assert run_script(postgresql_url, script).stderr == ""
    assert project.alembic("plan", "--sql").stdout == "-- Nothing is pending\n"
    write_revision(project, "two", REMOVAL)
    with create_postgresql_database(postgresql_url) as shadow:
        project.set(shadow_url=shadow.replace("%", "%%"))
        ran = run_script(postgresql_url, write_script(project, "plan", "--sql", "one:two", returncode=1))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert read_rows(postgresql_url)["alembic_version"] == [("(two)",)]


@pytest.mark.usefixtures("databases")
def test_a_revision_that_fails_gives_no_script(project: Project) -> None:
    write_revision(project, "two", 'op.execute("ALTER TABLE nowhere ADD n int")')
    result = project.alembic("plan", "--sql", check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert 'FAILED: relation "nowhere" does not exist' in result.stderr


def execute(url: str, *statements: str) -> list[Any]:
    """The rows of the last one."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = [connection.execute(statement.encode()) for statement in statements][-1]
        return cursor.fetchall() if cursor.description else []


def test_a_script_has_only_what_the_revisions_do(project: Project, postgresql_url: str) -> None:
    """Neither what the guard asks, nor timeouts of single steps: psql retries nothing, and shows no row."""
    body = """with op.online():
        op.create_index("ix_post_title", "post", ["title"])
        op.create_check_constraint("ck_post_n", "post", "n > 0")
    op.alter_column("post", "n", type_=sa.BigInteger())"""
    write_environment(project.directory, postgresql_url.replace("%", "%%"), one=HISTORY, two=body)
    project.alembic("upgrade", "one")
    script = project.alembic("plan", "--sql").stdout
    assert not [line for line in script.splitlines() if line.startswith(("SELECT", "WITH"))]
    assert [line for line in script.splitlines() if "lock_timeout" in line] == [
        "SET lock_timeout = 5000;",
        "SET lock_timeout = '0';",
        "SET lock_timeout = '5s';",
    ]
    (project.directory / "upgrade.sql").write_text(script)
    result = subprocess.run(
        [str(PSQL), "--no-psqlrc", "--quiet", "--file", "upgrade.sql", postgresql_url],
        cwd=project.directory,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (result.stdout, result.stderr) == ("", "")
    project.alembic("current", "--check-heads")
