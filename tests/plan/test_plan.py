"""`alembic plan`: what the pending revisions do to the live tables, which are read and nothing else."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from alembic_async_template.commands import make_plan
from alembic_async_template.errors import ShadowError
from support.commands import ALEMBIC, heed_interrupts, keep_variables
from support.doctor_cases import SYNC_ENV
from support.project import Project, write_environment
from support.servers import create_postgresql_database

TABLES = """op.execute("CREATE TABLE post (id serial PRIMARY KEY, n int, title varchar(20))")
    op.execute("CREATE TABLE author (id int PRIMARY KEY)")"""
PENDING = """op.add_column("author", sa.Column("name", sa.Text()))
    op.alter_column("post", "n", nullable=False)
    op.create_table("note", sa.Column("id", sa.Integer()))"""


@pytest.fixture
def live(project: Project, postgresql_url: str) -> str:
    """A database at `one`, with 300 posts, which counts as large."""
    write_environment(project.directory, postgresql_url.replace("%", "%%"), one=TABLES)
    project.set(blocking_rows="100")
    project.alembic("upgrade", "head")
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("INSERT INTO post (n) SELECT i FROM generate_series(1, 300) AS i")
        connection.execute("ANALYZE")
    return postgresql_url


def add_revision(project: Project, revision: str, upgrade: str, previous: str = "one") -> None:
    text = (project.directory / "migrations/versions/one.py").read_text().replace(TABLES, upgrade)
    text = text.replace("revision = 'one'", f"revision = {revision!r}").replace("= None", f"= {previous!r}")
    project.write({f"migrations/versions/{revision}.py": text})


def plan(project: Project, *arguments: str, returncode: int) -> dict[str, Any]:
    result = project.alembic("plan", "--json", *arguments, check=False)
    assert result.returncode == returncode, str(result)
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def list_shadows(url: str) -> list[str]:
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'alembic_shadow%' ORDER BY 1").fetchall()
    return [row[0] for row in rows]


def read_state(url: str) -> list[Any]:
    """What a plan must leave as it is."""
    with psycopg.connect(url, autocommit=True) as connection:
        queries = [
            "SELECT version_num FROM alembic_version",
            "SELECT relname, relfilenode FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
            "SELECT attrelid, attname, attnotnull FROM pg_attribute WHERE attrelid = 'post'::regclass ORDER BY 1, 2",
        ]
        return [connection.execute(query.encode()).fetchall() for query in queries]


def test_the_report(project: Project, live: str) -> None:
    """One statement is brief, one reads a large table and blocks it, one makes a new table; nothing is changed."""
    add_revision(project, "two", PENDING)
    before = read_state(live)
    report = plan(project, returncode=1)
    assert read_state(live) == before
    assert (report["version"], report["from"], report["to"], report["error"], report["blocking"]) == (
        1,
        ["one"],
        ["two"],
        None,
        2,
    )
    assert "***" in report["database"]
    (revision,) = report["revisions"]
    assert (revision["revision"], revision["file"]) == ("two", "migrations/versions/two.py")
    brief, checked, new = revision["statements"]
    assert brief["sql"] == "ALTER TABLE author ADD COLUMN name TEXT"
    assert brief["locks"] == [{"table": "public.author", "mode": "ACCESS EXCLUSIVE"}]
    assert brief["blocks"] == "reads and writes"  # until its transaction ends
    assert brief["advice"] == "# in a revision of its own, so that its lock has ended before revision two runs line 14"
    assert checked["line"] == brief["line"] + 1 == 14
    assert (checked["blocks"], checked["blocked"], checked["scans"]) == ("reads and writes", ["public.post"], ["public.post"])
    (table,) = checked["tables"]
    assert (table["table"], table["rows"]) == ("public.post", 300)
    assert table["bytes"] > 8192
    assert checked["breaks"] == ["public.post.n is NOT NULL without a default"]
    assert checked["advice"] == 'with op.online():\n    op.alter_column("post", "n", nullable=False)'
    assert (new["locks"], new["blocks"], new["advice"]) == ([], None, None)
    assert brief["transaction"] == checked["transaction"] == new["transaction"]


@pytest.mark.usefixtures("live")
def test_the_text(project: Project) -> None:
    add_revision(project, "two", PENDING)
    result = project.alembic("plan", check=False)
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert re.fullmatch(r"postgresql\+\w+://\w+:\*\*\*@[\d.:]+/\w+, PostgreSQL \d+\.\d+, at one: 1 pending revision", lines[0])
    assert lines[1:3] == ["", "two, migrations/versions/two.py"]
    size = re.search(r"300 rows, ([\d.]+ kB)", result.stdout)
    assert size is not None
    assert lines[3:] == [
        "  ✗ line 13   ALTER TABLE author ADD COLUMN name TEXT",
        "              blocks reads and writes of public.author (0 rows, 8.19 kB); until its transaction ends, about 0.1 s",
        "              instead:",
        "                  # in a revision of its own, so that its lock has ended before revision two runs line 14",
        "  ✗ line 14   ALTER TABLE post ALTER COLUMN n SET NOT NULL",
        f"              blocks reads and writes of public.post (300 rows, {size[1]}); until its transaction ends, about 0.1 s",
        f"              reads all of public.post (300 rows, {size[1]}), about 0.1 s",
        "              breaks: public.post.n is NOT NULL without a default",
        "              instead:",
        "                  with op.online():",
        '                      op.alter_column("post", "n", nullable=False)',
        "  ✓ line 15   CREATE TABLE note ( id INTEGER )",
        "",
        "2 of 3 statements block a table while one of more than 100 rows is worked on",
    ]


@pytest.mark.usefixtures("live")
def test_markdown_for_a_review(project: Project) -> None:
    add_revision(project, "two", PENDING)
    text = project.alembic("plan", "--format", "github", check=False).stdout
    assert text.startswith("### 2 of 3 statements block a table while one of more than 100 rows is worked on\n")
    assert "| 13 | `ALTER TABLE author ADD COLUMN name TEXT` | ❌ blocks reads and writes of public.author" in text
    assert "```python\nwith op.online():\n" in text


@pytest.mark.usefixtures("live")
def test_nothing_blocks_and_nothing_is_pending(project: Project) -> None:
    """Exit status 0."""
    assert project.alembic("plan").stdout.endswith("\nNothing is pending\n")
    add_revision(project, "two", 'op.add_column("post", sa.Column("slug", sa.Text()))')
    result = project.alembic("plan")
    assert "for an instant: ACCESS EXCLUSIVE on public.post" in result.stdout
    assert result.stdout.endswith("Nothing blocks a table while one of more than 100 rows is worked on\n")
    project.alembic("upgrade", "head")


@pytest.mark.usefixtures("live")
def test_part_of_what_is_pending(project: Project) -> None:
    add_revision(project, "two", "pass")
    add_revision(project, "three", PENDING, "two")
    report = plan(project, "two", returncode=0)
    assert (report["to"], [revision["revision"] for revision in report["revisions"]]) == (["two"], ["two"])
    report = plan(project, returncode=1)
    assert [revision["revision"] for revision in report["revisions"]] == ["two", "three"]


def test_a_revision_that_fails(project: Project, live: str) -> None:
    """Its error is said, and what was traced until then; exit status 2."""
    add_revision(project, "two", 'op.add_column("post", sa.Column("slug", sa.Text()))\n    op.execute("SELECT nowhere()")')
    report = plan(project, returncode=2)
    assert "function nowhere() does not exist" in report["error"]
    assert "two.py:14" in report["error"]
    assert [one["sql"] for one in report["revisions"][0]["statements"]] == ["ALTER TABLE post ADD COLUMN slug TEXT"]
    add_revision(project, "two", "op.execute(\"DO $$ BEGIN RAISE 'on %', current_database(); END $$\")")
    text = project.alembic("plan", check=False)
    assert text.stdout.rstrip().endswith("A revision fails")
    (name,) = re.findall(r"on (alembic_shadow_\w+)", text.stdout)
    assert name not in list_shadows(live)


@pytest.mark.parametrize("statement", ["CREATE ROLE r", "DO $$ BEGIN EXECUTE 'CREATE ROLE r'; END $$"])
@pytest.mark.usefixtures("live")
def test_what_acts_on_the_whole_server_is_refused(project: Project, statement: str) -> None:
    add_revision(project, "two", f"op.execute({statement!r})")
    report = plan(project, returncode=2)
    assert "This statement acts on the whole server, and was not tried beside the live database" in report["error"]
    assert "two.py:13" in report["error"]
    assert "shadow_url = " in report["error"]


@pytest.mark.usefixtures("live")
def test_the_same_words_inside_of_a_database_are_run(project: Project) -> None:
    add_revision(
        project,
        "two",
        "op.execute(\"COMMENT ON TABLE post IS 'CREATE ROLE r'\")\n    op.execute('GRANT SELECT ON post TO PUBLIC')\n"
        '    op.add_column("post", sa.Column("role", sa.Text()))\n    op.execute(\'CREATE TABLE "create role" ()\')',
    )
    assert plan(project, returncode=0)["error"] is None


def test_a_revision_knows_no_other_database(project: Project, live: str) -> None:
    """Every source of the URL leads to the shadow: the setting, the variable, -x url."""
    add_revision(
        project,
        "two",
        "import os, sqlalchemy\n    from alembic import context\n    x = context.get_x_argument(as_dictionary=True)\n"
        '    urls = [context.config.get_main_option("sqlalchemy.url"), os.environ["DATABASE_URL"], x["url"]]\n'
        "    names = {sqlalchemy.engine.make_url(url).database for url in urls}\n"
        '    assert names == {op.get_bind().exec_driver_sql("SELECT current_database()").scalar()}, names\n'
        '    assert str(names).startswith("{\'alembic_shadow_"), names',
    )
    for arguments, variables in [((), {}), (("-x", f"url={live}"), {}), ((), {"DATABASE_URL": live})]:
        result = project.alembic(*arguments, "plan", env=variables, check=False)
        assert (result.returncode, result.stdout.splitlines()[-1].startswith("Nothing blocks")) == (0, True), str(result)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_the_engine_of_the_application(project: Project, live: str, driver: str) -> None:
    """It connects to the shadow with what it has besides a URL."""
    url = live.replace("postgresql:", f"postgresql+{driver}:")
    arguments = {"asyncpg": {"server_settings": {"application_name": "shop"}}, "psycopg": {"application_name": "shop"}}[driver]
    project.write(
        {
            "app/__init__.py": "",
            "app/db.py": "from sqlalchemy.ext.asyncio import create_async_engine\n"
            f"engine = create_async_engine({url!r}, connect_args={arguments!r})\n",
        }
    )
    project.set(app_engine="app.db:engine", prepend_sys_path=".", path_separator="os")
    text = re.sub(r"sqlalchemy.url = .*\n", "", (project.directory / "alembic.ini").read_text())
    (project.directory / "alembic.ini").write_text(text)
    add_revision(
        project,
        "two",
        "found = op.get_bind().exec_driver_sql(\"SELECT current_database(), current_setting('application_name')\").one()\n"
        '    assert found[0].startswith("alembic_shadow_"), found\n    assert found[1] == "shop", found',
    )
    report = plan(project, returncode=0)
    assert (report["error"], report["from"]) == (None, ["one"])


def test_statistics_from_a_file(project: Project, live: str, tmp_path: Path) -> None:
    """Written where the live database can be reached, and read where it cannot, with a shadow on another server."""
    add_revision(project, "two", PENDING)
    file = tmp_path / "stats.json"
    with_database = plan(project, "--write-stats", str(file), returncode=1)
    assert str(make_url(live).password) not in file.read_text()
    with create_postgresql_database(live) as shadow:
        project.set(shadow_url=shadow.replace("%", "%%"), **{"sqlalchemy.url": "postgresql://nowhere:1/none"})
        assert plan(project, "--stats", str(file), returncode=1) == with_database
        again = plan(project, "--stats", str(file), returncode=1)  # the shadow, which holds tables now, is emptied
        assert again == with_database
        unknown = plan(project, "one:two", returncode=1)
        assert (unknown["from"], unknown["to"], unknown["database"]) == (["one"], ["two"], "")
        assert unknown["notes"] == ["how large the tables are is not known: each one counts as large"]
        assert [one["seconds"] for one in unknown["revisions"][0]["statements"]] == [None, None, None]
    file.write_text("{}")
    failed = project.alembic("plan", "--stats", str(file), check=False)
    assert (failed.returncode, failed.block.splitlines()[0]) == (2, f"{file} has no statistics of tables")


DUMP = """
\\restrict abc
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA public;
COMMENT ON SCHEMA public IS 'standard public schema';
CREATE TYPE public."Odd 50%" AS ENUM ('a;b', '%s', ':x');
CREATE TABLE public.alembic_version (version_num varchar(32) PRIMARY KEY);
CREATE TABLE public.author (id int PRIMARY KEY);
CREATE TABLE public.post (id int PRIMARY KEY, n int, title varchar(20), odd public."Odd 50%" DEFAULT '%s');
\\unrestrict abc
"""


def is_dumped_here(url: str) -> bool:
    """Whether the `pg_dump` of this machine, version 15, knows the server's version."""
    with psycopg.connect(url) as connection:
        return connection.info.server_version < 160000


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_a_dump_in_place_of_the_history(project: Project, live: str, driver: str) -> None:
    """Where the history does not run from the beginning, as that of a database which is older than its revisions."""
    text = (project.directory / "migrations/versions/one.py").read_text()
    add_revision(project, "two", PENDING)
    project.write(
        {"migrations/versions/one.py": text.replace("    op.execute", "    raise ValueError('not again')\n    op.execute", 1)}
    )
    with psycopg.connect(live, autocommit=True) as connection:
        connection.execute(
            "CREATE TYPE \"Odd 50%\" AS ENUM ('a;b', '%s', ':x'); ALTER TABLE post ADD odd \"Odd 50%\" DEFAULT '%s'"
        )
    url = live.replace("postgresql:", f"postgresql+{driver}:")
    refused = project.alembic("-x", f"url={url}", "plan", check=False)
    assert refused.returncode == 2
    assert refused.block.startswith("The revisions until one do not run on an empty database:")
    assert "not again" in refused.block
    dump, again = [line.strip() for line in refused.block.splitlines()[-2:]]
    environment = keep_variables(PGPASSWORD=str(make_url(live).password))
    if is_dumped_here(live):
        subprocess.run(dump, shell=True, check=True, cwd=project.directory, env=environment)
    else:
        project.write({"schema.sql": DUMP})
    assert again == "alembic plan --schema schema.sql"
    report = plan(project, "--schema", "schema.sql", returncode=1)
    assert [one["blocks"] for one in report["revisions"][0]["statements"]] == ["reads and writes", "reads and writes", None]
    result = project.alembic("-x", f"url={url}", "plan", "--schema", "none.sql", check=False)
    assert result.block.startswith("none.sql is not a dump that can be read")
    project.write({"broken.sql": "CREATE TABLE"})
    broken = project.alembic("-x", f"url={url}", "plan", "--schema", "broken.sql", check=False)
    assert broken.block.startswith("broken.sql cannot be loaded into an empty database:")
    project.write({"server.sql": "CREATE TABLE t ();\nCREATE ROLE of_the_dump;"})
    everything = project.alembic("-x", f"url={url}", "plan", "--schema", "server.sql", check=False)
    assert "This statement acts on the whole server" in everything.block
    assert "CREATE ROLE of_the_dump" in everything.block


def test_a_shadow_that_must_not_be_emptied(project: Project, live: str) -> None:
    """The live database itself, and one that has tables, until it is said there that nothing in it is needed."""
    add_revision(project, "two", "pass")
    project.set(shadow_url=live.replace("%", "%%"))
    assert project.alembic("plan", check=False).block.startswith("shadow_url names the live database")
    with create_postgresql_database(live) as other:
        with psycopg.connect(other, autocommit=True) as connection:
            connection.execute("CREATE TABLE precious (x int)")
        project.set(shadow_url=other.replace("%", "%%"))
        refused = project.alembic("plan", check=False)
        assert refused.returncode == 2
        assert "has tables, and would be emptied" in refused.block
        (mark,) = re.findall(r"COMMENT ON DATABASE .*", refused.block)
        with psycopg.connect(other, autocommit=True) as connection:
            assert connection.execute("SELECT count(*) FROM precious").fetchone() == (0,)
            connection.execute(mark)
            used = project.alembic("plan", check=False)
            assert "Someone is connected to the database" in used.block
        assert project.alembic("plan").stdout.splitlines()[-1].startswith("Nothing blocks")


def test_the_whole_server_of_a_shadow_elsewhere(project: Project, live: str) -> None:
    """On the server of the live database, CREATE ROLE is refused with `shadow_url` too."""
    add_revision(project, "two", 'op.execute("CREATE ROLE r")')
    with create_postgresql_database(live) as shadow:
        project.set(shadow_url=shadow.replace("%", "%%"))
        assert "acts on the whole server" in plan(project, returncode=2)["error"]


def test_a_role_without_the_right(project: Project, live: str) -> None:
    """Exit status 2, and both ways to solve it."""
    role = f"plain_{make_url(live).database}"
    with psycopg.connect(live, autocommit=True) as connection:
        connection.execute(
            f"CREATE ROLE {role} LOGIN PASSWORD 'p'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}".encode()
        )
        try:
            add_revision(project, "two", "pass")
            url = make_url(live).set(username=role, password="p").render_as_string(hide_password=False)
            result = project.alembic("-x", f"url={url}", "plan", check=False)
            assert result.returncode == 2
            assert result.block.startswith(f'The role "{role}" may not create a database, on which the revisions would be tried')
            assert "shadow_url = " in result.block
            (grant,) = re.findall(r"ALTER ROLE .*", result.block)
            connection.execute(grant)
            assert project.alembic("-x", f"url={url}", "plan").returncode == 0
        finally:
            connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


def test_a_hand_written_environment_is_not_run(project: Project, postgresql_url: str) -> None:
    write_environment(project.directory, postgresql_url.replace("%", "%%"), one="pass")
    project.write({"migrations/env.py": f"raise RuntimeError('it was run')\n{SYNC_ENV}"})
    result = project.alembic("plan", check=False)
    assert result.returncode == 2
    assert result.block.startswith("migrations/env.py does not call run_environment, and may not keep to the shadow")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_leaves_nothing(project: Project, live: str, number: signal.Signals) -> None:
    process, name = start_plan(project, live, 60)
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode != 0
    assert name not in list_shadows(live)


def test_a_killed_run_is_cleaned_up_by_the_next(project: Project, live: str) -> None:
    """What it has left is removed when no one is connected any more, and it is not new."""
    process, name = start_plan(project, live, 3)
    process.kill()
    process.communicate()
    with psycopg.connect(live, autocommit=True) as connection:
        end = time.monotonic() + 20
        while connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [name]).fetchone() != (0,):
            assert time.monotonic() < end
            time.sleep(0.1)
        old = re.sub(r"_\d+_", "_1000_", name)
        connection.execute(f"ALTER DATABASE {name} RENAME TO {old}".encode())
    add_revision(project, "two", "pass")
    plan(project, returncode=0)
    assert old not in list_shadows(live)


def start_plan(project: Project, live: str, seconds: int) -> tuple[subprocess.Popen[str], str]:
    """A plan whose revision runs for so long, and the name of its shadow."""
    sleep = f"SELECT pg_sleep({seconds}) /* {make_url(live).database} */"
    add_revision(project, "two", f"op.execute({sleep!r})")
    process = subprocess.Popen(
        [ALEMBIC, "plan"],
        cwd=project.directory,
        env=keep_variables(**project.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=heed_interrupts,
    )
    with psycopg.connect(live, autocommit=True) as connection:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = connection.execute("SELECT datname FROM pg_stat_activity WHERE query = %s", [sleep]).fetchone()
            if found is not None:
                return process, str(found[0])
            time.sleep(0.05)
    raise AssertionError("there is no shadow")


def test_settings_and_locale_are_those_of_the_live_database(project: Project, live: str) -> None:
    """TimeZone decides whether a change of type rewrites."""
    with psycopg.connect(live, autocommit=True) as connection:
        name = make_url(live).database
        connection.execute("ALTER TABLE post ADD at timestamp")
        for zone, rewrites in [("UTC", False), ("Europe/Berlin", True)]:
            connection.execute(f"ALTER DATABASE {name} SET TimeZone = '{zone}'".encode())
            connection.execute(f"ALTER DATABASE {name} SET search_path = '$user', public, \"Odd, one\"".encode())
            add_revision(
                project,
                "two",
                'op.execute("ALTER TABLE post ALTER n TYPE int")\n'
                '    op.execute("ALTER TABLE post ADD moment timestamp")\n'
                '    op.execute("ALTER TABLE post ALTER moment TYPE timestamptz")\n'
                '    found = op.get_bind().exec_driver_sql("SHOW search_path").scalar()\n'
                '    assert found == \'"$user", public, "Odd, one"\', found',
            )
            report = plan(project, returncode=1 if rewrites else 0)
            assert ("public.post" in report["revisions"][0]["statements"][2]["rewrites"]) is rewrites, report


def test_a_history_that_is_kept(project: Project, live: str) -> None:
    """It is not run again, until one of its files changes; pending revisions run on a copy."""
    add_revision(project, "two", PENDING)
    runs = project.directory / "runs"
    file = project.directory / "migrations/versions/one.py"
    file.write_text(file.read_text().replace("op.execute", f"open({str(runs)!r}, 'a').write('1')\n    op.execute", 1))

    def count_runs(*options: str) -> int:
        report = plan(project, *options, returncode=1)
        assert [one["blocks"] for one in report["revisions"][0]["statements"]] == ["reads and writes", "reads and writes", None]
        return len(runs.read_text())

    def list_kept() -> list[str]:
        query = "SELECT datname FROM pg_database WHERE shobj_description(oid, 'pg_database') LIKE 'kept%%' || current_database() || '%%'"
        with psycopg.connect(live) as connection:
            return [row[0] for row in connection.execute(query)]

    try:
        assert (count_runs(), list_kept()) == (1, [])
        assert count_runs("--keep-shadow") == 2
        (kept,) = list_kept()
        assert (count_runs(), count_runs("--keep-shadow"), list_kept()) == (2, 2, [kept])
        file.write_text(f"{file.read_text()}\n# changed\n")
        assert count_runs("--keep-shadow") == 3
        (other,) = list_kept()
        assert other != kept
    finally:
        with psycopg.connect(live, autocommit=True) as connection:
            for name in list_kept():
                connection.execute(f"DROP DATABASE {name}".encode())


def test_an_open_transaction_is_told(project: Project, live: str) -> None:
    project.set(lock_timeout="100ms")
    add_revision(project, "two", "pass")
    with psycopg.connect(live, application_name="report") as connection:
        connection.execute("SELECT count(*) FROM post")
        time.sleep(0.3)
        notes = plan(project, returncode=0)["notes"]
    assert len(notes) == 1
    assert re.match(r"a transaction is open that its locks may wait for: process \d+ \(report, user ", notes[0])


def test_a_table_that_is_locked_is_still_known(project: Project, live: str) -> None:
    """Its size waits for the lock, so that the pages of the last ANALYZE are taken."""
    add_revision(project, "two", PENDING)
    with psycopg.connect(live) as connection:
        connection.execute("LOCK TABLE post")
        report = plan(project, returncode=1)
    assert {one["table"]: one["rows"] for one in report["revisions"][0]["statements"][1]["tables"]} == {"public.post": 300}


def test_a_partitioned_table_is_the_sum_of_its_partitions(project: Project, live: str) -> None:
    with psycopg.connect(live, autocommit=True) as connection:
        connection.execute("CREATE TABLE event (at int, n int) PARTITION BY RANGE (at)")
    add_revision(
        project,
        "two",
        'op.execute("CREATE TABLE event (at int, n int) PARTITION BY RANGE (at)")\n'
        + "\n".join(
            f'    op.execute("CREATE TABLE event{n} PARTITION OF event FOR VALUES FROM ({n}) TO ({n + 1})")' for n in range(3)
        ),
    )
    with psycopg.connect(live, autocommit=True) as connection:
        connection.execute("DROP TABLE event")
    project.alembic("upgrade", "head")
    with psycopg.connect(live, autocommit=True) as connection:
        connection.execute("INSERT INTO event SELECT i % 3, i FROM generate_series(1, 270) AS i; ANALYZE")
    add_revision(project, "three", 'op.create_index("ix", "event", ["n"])', "two")
    (statement,) = plan(project, returncode=1)["revisions"][0]["statements"]
    rows = {one["table"]: one["rows"] for one in statement["tables"]}
    assert rows == {"public.event": 270, "public.event0": 90, "public.event1": 90, "public.event2": 90}
    assert statement["advice"] == 'with op.online():\n    op.create_index("ix", "event", ["n"])'
    source = project.directory / "migrations/versions/three.py"
    source.write_text(
        source.read_text().replace(
            '    op.create_index("ix", "event", ["n"])', "    " + statement["advice"].replace("\n", "\n    ")
        )
    )
    assert plan(project, returncode=0)["blocking"] == 0
    project.alembic("upgrade", "head")


@pytest.mark.usefixtures("live")
def test_what_an_update_would_change(project: Project) -> None:
    """The live server tells how many rows; on the shadow there are none."""
    add_revision(
        project,
        "two",
        'op.execute("UPDATE post SET n = 0")\n    op.execute("UPDATE post SET n = 1 WHERE id = 7")\n'
        "    op.execute(\"DELETE FROM post WHERE title = 'x'\")",
    )
    whole, one, none = plan(project, returncode=1)["revisions"][0]["statements"]
    assert (whole["blocks"], whole["blocked"], whole["scans"]) == ("writes", ["public.post"], ["public.post"])
    assert "id BETWEEN :start AND :end" in whole["advice"]
    assert one["blocks"] is None
    assert none["scans"] == ["public.post"]


def test_nothing_but_reads_reaches_the_live_database(project: Project, live: str) -> None:
    """No row of a table or of a catalog is written; the list of databases is the server's."""
    add_revision(project, "two", PENDING + '\n    op.execute("UPDATE post SET n = 0")')
    with psycopg.connect(live, autocommit=True) as connection:
        connection.execute("ALTER TABLE post SET (autovacuum_enabled = off)")
    before = count_written(live)
    assert plan(project, returncode=1)["error"] is None
    assert count_written(live) == before


def count_written(url: str) -> int:
    """How many rows were ever written in a database, by sessions that have ended."""
    query = "SELECT tup_inserted + tup_updated + tup_deleted FROM pg_stat_database WHERE datname = current_database()"
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            connection.execute("SELECT pg_stat_clear_snapshot()")
            others = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
            if others == (0,):
                row = connection.execute(query).fetchone()
                assert row is not None
                return int(row[0])
            time.sleep(0.05)


@pytest.mark.usefixtures("live")
def test_as_a_function(project: Project) -> None:
    """A program gets the report, and an error of this package."""
    from alembic.config import Config

    add_revision(project, "two", PENDING)
    config = Config(str(project.directory / "alembic.ini"))
    found = make_plan(config)
    assert (found.blocking, found.start, found.target) == (2, ("one",), ("two",))
    with pytest.raises(ShadowError, match="need a place where they are tried"):
        make_plan(config, "one:two")


def test_the_first_revision(project: Project, postgresql_url: str) -> None:
    """A database without a table is known too."""
    write_environment(project.directory, postgresql_url.replace("%", "%%"), one=TABLES)
    report = plan(project, returncode=0)
    assert (report["from"], report["to"], report["notes"]) == ([], ["one"], [])


@pytest.mark.usefixtures("live")
def test_what_is_awaited_is_traced(project: Project) -> None:
    """In a coroutine of the revision, and in one of the application, whose line is the one of the call."""
    fill = """import sqlalchemy as sa

async def fill(connection, number):
    await connection.execute(sa.text(f"UPDATE post SET n = {number}"))
"""
    project.write({"filling.py": fill})
    add_revision(
        project,
        "two",
        """from filling import fill
    async def require(connection):
        await connection.execute(sa.text("ALTER TABLE post ALTER n SET NOT NULL"))
    op.run_async(require)
    op.run_async(fill, 2)
    op.run_async(lambda connection: fill(connection, 3))""",
    )
    statements = plan(project, returncode=1)["revisions"][0]["statements"]
    assert [(one["sql"], one["line"]) for one in statements] == [
        ("ALTER TABLE post ALTER n SET NOT NULL", 15),
        ("UPDATE post SET n = 2", 17),
        ("UPDATE post SET n = 3", 18),
    ]


def test_how_much_a_table_is_used(project: Project, live: str) -> None:
    """What is read and written while the revisions are tried is counted; where no one works, nothing is said of it."""
    add_revision(project, "two", 'op.execute("ALTER TABLE post ALTER n SET NOT NULL")')
    with psycopg.connect(live, autocommit=True) as connection:
        stopped = threading.Event()

        def work() -> None:
            while not stopped.is_set():
                connection.execute("UPDATE post SET title = 'x' WHERE id = 1")
                connection.execute("SELECT pg_stat_force_next_flush()")
                stopped.wait(0.02)

        worker = threading.Thread(target=work)
        worker.start()
        try:
            text = project.alembic("plan", check=False).stdout
        finally:
            stopped.set()
            worker.join()
    used = re.search(r"public\.post \(300 rows, [\d.]+ kB, (\d+) reads and (\d+) writes a second\)", text)
    assert used is not None, text
    assert int(used[2]) >= 1
    assert "a second" not in project.alembic("plan", check=False).stdout


@pytest.mark.usefixtures("live")
def test_rows_of_a_column_that_is_new_are_counted(project: Project) -> None:
    """The live server cannot explain a change of a column that it does not have: it is taken for one of all rows."""
    add_revision(project, "two", 'op.add_column("post", sa.Column("x", sa.Integer()))\n    op.execute("UPDATE post SET x = 1")')
    report = plan(project, returncode=1)
    added, filled = report["revisions"][0]["statements"]
    assert (added["blocks"], filled["blocks"]) == ("reads and writes", "writes")
    assert filled["seconds"] is not None


@pytest.mark.usefixtures("live")
def test_what_is_meant_to_block_is_shown_and_does_not_count(project: Project) -> None:
    """The reason of `op.blocking` stands in place of advice."""
    body = 'with op.blocking("closed on Sundays"):\n        op.alter_column("post", "n", nullable=False)'
    add_revision(project, "two", body)
    report = plan(project, returncode=0)
    (statement,) = report["revisions"][0]["statements"]
    assert (statement["blocks"], statement["meant"], statement["advice"]) == ("reads and writes", "closed on Sundays", None)
    text = project.alembic("plan").stdout
    assert re.search(
        r"  ✓ line \d+ +ALTER TABLE post ALTER COLUMN n SET NOT NULL\n +blocks .*\n +that is meant: closed on Sundays\n", text
    )
