"""`alembic status`: where the database stands, what is pending, what is left over; it changes nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.config import Config
from sqlalchemy.engine.url import make_url

from alembic_async_template.commands import read_status
from support.commands import ALEMBIC, keep_variables
from support.doctor_cases import SYNC_ENV
from support.project import ENV, Project, write_environment, write_files, write_revisions

HISTORY = {"one": "pass", "two": "pass", "three": "pass"}
MODELS = "raise RuntimeError('it was imported')\n\nfrom sqlmodel import Field, SQLModel\n\n\nclass Post(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n"


def read_json(project: Project, *options: str, returncode: int) -> dict[str, Any]:
    result = project.alembic(*options, "status", "--json", check=False)
    assert result.returncode == returncode, str(result)
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def escape(url: str) -> str:
    return url.replace("%", "%%")


def test_each_state_has_its_exit_status(project: Project, database_url: str) -> None:
    """Pending revisions are 1, the head is 0, a revision that no file has is 1; models are looked for and not imported."""
    write_environment(project.directory, escape(database_url), **HISTORY)
    project.write({"app/__init__.py": "", "app/models.py": MODELS})
    fresh = read_json(project, returncode=1)
    assert (fresh["current"], fresh["heads"], fresh["pending"]) == ([], ["three"], ["one", "two", "three"])
    assert fresh["models"] == {"import_roots": [str(project.directory)], "modules": ["app.models"], "problem": None}
    assert fresh["source"] == "sqlalchemy.url in alembic.ini"
    project.alembic("upgrade", "two")
    behind = read_json(project, returncode=1)
    assert [(revision["revision"], revision["state"]) for revision in behind["revisions"]] == [
        ("three", "pending"),
        ("two", "applied"),
        ("one", "applied"),
    ]
    project.alembic("upgrade", "head")
    assert read_json(project, returncode=0)["at_head"] is True
    (project.directory / "migrations/versions/three.py").unlink()
    ahead = read_json(project, returncode=1)
    assert (ahead["unknown"], ahead["at_head"]) == (["three"], False)
    assert {revision["state"] for revision in ahead["revisions"]} == {"unknown"}
    assert "at three, which no file here has" in project.alembic("status", check=False).stdout


@pytest.mark.parametrize("is_ours", [True, False])
def test_tables_without_a_version(project: Project, database_url: str, is_ours: bool) -> None:
    """As create_all leaves them: an upgrade would fail, and a stamp is what goes on; unless they are another program's."""
    create = 'op.create_table("post", sa.Column("id", sa.Integer))'
    write_environment(project.directory, escape(database_url), one=create)
    place = "Revisions  0 applied, 1 pending: alembic upgrade head\n"
    assert place in project.alembic("status", check=False).stdout
    name = "post" if is_ours else "other"
    engine = sa.create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE {name} (id int)"))
    engine.dispose()
    shown = project.alembic("status", check=False).stdout
    assert (
        "Revisions  0 applied, 1 pending, and no version says what made the table that is there: alembic stamp head\n"
        "           if the newest revision makes the same, alembic upgrade head if another program has made them\n"
    ) in shown
    project.alembic("stamp" if is_ours else "upgrade", "head")
    assert "at the head, all 1 applied" in project.alembic("status").stdout


def test_the_whole_screen(project: Project, postgresql_url: str) -> None:
    """Password masked, one labelled line for each fact, the history with ticks, leftovers with what removes them."""
    write_environment(project.directory, escape(postgresql_url), **HISTORY)
    project.write({"app/__init__.py": "", "app/models.py": MODELS})
    project.alembic("upgrade", "two")
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (x int); INSERT INTO t VALUES (1), (1)")
        connection.execute("CREATE TYPE \"My\"\"Type\" AS ENUM ('a'); CREATE TYPE used AS ENUM ('a'); CREATE TABLE u (x used[])")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute('CREATE UNIQUE INDEX CONCURRENTLY "Ix t" ON t (x)')
    result = project.alembic("status", check=False)
    assert (result.returncode, result.stderr) == (1, ""), str(result)
    database, server, *rest = result.stdout.splitlines()
    place = postgresql_url.rpartition("@")[2]
    assert re.fullmatch(rf"Database   postgresql\+\w+://\w+(:\*\*\*)?@{place}, from sqlalchemy.url in alembic.ini", database)
    assert re.fullmatch(r"Server     PostgreSQL \d+\.\d+, driver (asyncpg|psycopg) [\d.]+", server)
    assert rest == [
        f"Sources    {project.directory}",
        "Models     1 module with tables: app.models",
        "Revisions  2 applied, 1 pending: alembic upgrade head",
        "           ○ three  (head)",
        "           ✓ two  (current)",
        "           ✓ one",
        'Leftover   index "Ix t" is not valid: DROP INDEX CONCURRENTLY "Ix t"',
        'Leftover   enum type "My""Type" is used by nothing: DROP TYPE "My""Type"',
    ]
    with psycopg.connect(postgresql_url, autocommit=True) as connection:  # as printed
        for line in result.stdout.splitlines():
            if line.startswith("Leftover"):
                connection.execute(line.partition(": ")[2].encode())
    assert "Leftover" not in project.alembic("status", check=False).stdout


def test_who_migrates(project: Project, postgresql_url: str) -> None:
    """A migration that runs is named with its process, and is not waited for; an index that is being built is no leftover."""
    build = "with op.get_context().autocommit_block():\n        op.execute('CREATE INDEX CONCURRENTLY ix ON t (x)')"
    write_environment(project.directory, escape(postgresql_url), one="op.execute('CREATE TABLE t (x int)')", two=build)
    project.alembic("upgrade", "one")
    with psycopg.connect(postgresql_url) as blocker:
        blocker.execute("SELECT 1 FROM t")  # an old snapshot
        blocker.execute("LOCK TABLE t IN ROW EXCLUSIVE MODE")
        running = project.start(postgresql_url)
        assert running.stdout is not None
        for line in running.stdout:
            if "Running upgrade one -> two" in line:
                break
        report = read_json(project, returncode=1)
        holder = (
            rf"process \d+ \(alembic, pid {running.pid} on \S+, user \w+, since ..:..:.., which migrates on another connection\)"
        )
        assert re.fullmatch(holder, report["lock_holder"]), report["lock_holder"]
        assert report["invalid_indexes"] == []
        blocker.rollback()
    running.communicate()
    assert read_json(project, returncode=0)["lock_holder"] is None


@pytest.mark.sqlite
@pytest.mark.parametrize("command", ["status", "status --json", "doctor", "doctor --json", "adopt --dry-run"])
@pytest.mark.parametrize("env", [ENV, SYNC_ENV], ids=["ours", "hand-written"])
def test_a_reader_that_has_ended(command: str, env: str, project: Project, sqlite_url: str) -> None:
    """As in `alembic doctor | head -3`: no traceback, and the status that shells have for it."""
    write_environment(project.directory, sqlite_url.replace("+aiosqlite", ""), **HISTORY)
    project.write({"migrations/env.py": env})
    reader, writer = os.pipe()
    os.close(reader)
    arguments: list[str | Path] = [ALEMBIC, *command.split()]
    environment = keep_variables()
    done = subprocess.run(
        arguments, cwd=project.directory, env=environment, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.sqlite
def test_nothing_is_written(project: Project, sqlite_url: str) -> None:
    """The database has no version table afterwards."""
    write_environment(project.directory, sqlite_url, **HISTORY)
    read_json(project, returncode=1)
    assert b"alembic_version" not in Path(sqlite_url.partition("///")[2]).read_bytes()


def test_a_role_that_may_not_read_the_version_table(project: Project, postgresql_url: str) -> None:
    """What only reads asks for no more than that; the line is typed by the owner."""
    write_environment(project.directory, escape(postgresql_url), one="pass")
    project.alembic("upgrade", "head")
    url = make_url(postgresql_url)
    guest = f"guest_{url.database}"[:63]
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {guest} LOGIN PASSWORD 'p'".encode())
        try:
            project.set(**{"sqlalchemy.url": escape(url.set(username=guest, password="p").render_as_string(False))})
            for command in ("status", "current"):
                said = project.alembic(command, check=False).block
                example = f"GRANT SELECT ON alembic_version TO {guest}"
                assert f"  fix    let the role that migrates read it:\n         {example}" in said, command
            connection.execute(example.encode())
            assert read_json(project, returncode=0)["at_head"]
        finally:
            connection.execute(f"DROP OWNED BY {guest}; DROP ROLE {guest}".encode())


def test_a_schema_of_the_version_table_is_not_created(project: Project, postgresql_url: str) -> None:
    """Not by `current` either, which changes nothing."""
    write_environment(project.directory, escape(postgresql_url), **HISTORY)
    project.write({"migrations/env.py": ENV.replace("run_environment()", "run_environment(version_table_schema='versions')")})
    read_json(project, returncode=1)
    project.alembic("current")
    with psycopg.connect(postgresql_url) as connection:
        assert connection.execute("SELECT to_regnamespace('versions')").fetchone() == (None,)


@pytest.mark.sqlite
def test_branches_and_merges_are_drawn(project: Project, sqlite_url: str) -> None:
    """Lines part below a merge revision and meet above what several revisions follow."""
    write_environment(project.directory, sqlite_url, root="pass")
    revision = (project.directory / "migrations/versions/root.py").read_text()
    for name, down in {"left": "root", "right": "root", "top": ("left", "right"), "apart": None, "side": "right"}.items():
        text = revision.replace("'root'", repr(name), 1).replace("down_revision = None", f"down_revision = {down!r}")
        if name == "side":
            text += "\ndepends_on = 'apart'\nbranch_labels = ('aside',)\n"
        write_files(project.directory, {f"migrations/versions/{name}.py": text})
    project.alembic("upgrade", "left")
    lines = [line[11:] for line in project.alembic("status", check=False).stdout.splitlines()]
    drawn = "\n".join(lines[lines.index(next(line for line in lines if "○" in line)) :])
    assert drawn.splitlines() == [
        "○ side  (head, aside, depends on apart)",
        "│ ○ top  (head)",
        "│ ├─╮",
        "│ ✓ │ left  (current)",
        "├─┼─╯",
        "○ │ right",
        "├─╯",
        "✓ root",
        "○ apart  (head)",
    ]


@pytest.mark.sqlite
def test_a_long_history_fits_a_screen(project: Project, sqlite_url: str) -> None:
    """What is far from where the database is, and not new, is counted."""
    write_environment(project.directory, sqlite_url, **{f"r{number:03}": "pass" for number in range(200)})
    lines = project.alembic("status", check=False).stdout.splitlines()
    assert len(lines) < 24, lines
    assert any(line.endswith("⋮ 191 revisions") for line in lines), lines
    project.alembic("upgrade", "r100")
    lines = project.alembic("status", check=False).stdout.splitlines()
    assert len(lines) < 24, lines
    assert [line[11:] for line in lines if "⋮" in line] == ["⋮ 90 revisions", "⋮ 95 revisions"], lines


@pytest.mark.sqlite
def test_what_cannot_be_read_exits_with_2(project: Project, sqlite_url: str) -> None:
    """Without an environment, with a revision that fails to load, with an option that does not exist."""
    result = project.alembic("status", check=False)
    assert result.returncode == 2, str(result)
    assert result.stderr.startswith("FAILED: There is no alembic.ini"), str(result)
    write_environment(project.directory, sqlite_url, one="pass")
    write_files(project.directory, {"migrations/versions/two.py": "revision = 'two'\ndown_revision = 'one'\nnot python"})
    result = project.alembic("status", "--json", check=False)
    assert result.returncode == 2, str(result)
    assert "migrations/versions/two.py:3" in json.loads(result.stdout)["error"], str(result)
    assert project.alembic("status", "--wrong", check=False).returncode == 2


@pytest.mark.sqlite
def test_a_hand_written_environment_is_run(project: Project, sqlite_url: str) -> None:
    """As `alembic current` runs it; what fails in it is said in one line, with the way to see more."""
    project.alembic("init", "migrations")
    ini = project.directory / "alembic.ini"
    ini.write_text(ini.read_text().replace("driver://user:pass@localhost/dbname", sqlite_url.replace("+aiosqlite", "")))
    write_revisions(project.directory, **HISTORY)
    report = read_json(project, returncode=1)
    assert (report["source"], report["models"], len(report["pending"])) == (None, None, 3)
    project.alembic("upgrade", "head")
    result = project.alembic("status")
    assert "chosen by env.py" in result.stdout
    assert "at the head, all 3 applied" in result.stdout
    env = project.directory / "migrations/env.py"
    env.write_text(env.read_text() + "\nraise ValueError('wrong')\n")
    result = project.alembic("status", check=False)
    assert result.returncode == 2, str(result)
    assert "FAILED: ValueError: wrong\n" in result.stderr, str(result)
    assert "alembic --raiseerr status" in result.stderr
    env.write_text("")
    assert "ended without a call of context.run_migrations()" in project.alembic("status", check=False).stderr


@pytest.mark.sqlite
def test_a_terminal_without_these_signs(project: Project, sqlite_url: str) -> None:
    """A stream that cannot have a tick gets letters in its place."""
    write_environment(project.directory, sqlite_url, **HISTORY)
    environment = keep_variables(PYTHONIOENCODING="cp1252")
    shown = subprocess.run([ALEMBIC, "status"], cwd=project.directory, env=environment, capture_output=True, check=False)
    assert shown.returncode == 1
    assert b". three  (head)" in shown.stdout


@pytest.mark.sqlite
def test_a_program_reads_the_report(project: Project, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`read_status` returns it, and leaves the configuration as it is."""
    write_environment(project.directory, sqlite_url, **HISTORY)
    monkeypatch.chdir(project.directory)
    config = Config("alembic.ini")
    status = read_status(config)
    assert status.history.pending == ("one", "two", "three")
    assert not status.history.is_at_head
    assert config.cmd_opts is None
    assert not config.messaging_opts.get("quiet")


@pytest.mark.sqlite
def test_subclasses_and_other_plugins_keep_their_commands(tmp_path: Path) -> None:
    """A subclass of Alembic's command line gets none of these commands, and a command that has the name stays."""
    program = """
from alembic.config import CommandLine


def status(config):
    "Another one."
    print("theirs")


class Own(CommandLine):
    pass


line = CommandLine()
line.register_command(status)
line.main(["status"])
own = Own()
try:
    own.main(["status"])
except SystemExit as error:
    print("subclass", error.code)
"""
    shown = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert shown.stdout == "theirs\nsubclass 2\n"
    listed = subprocess.run([ALEMBIC, "--help"], env=keep_variables(), capture_output=True, text=True, check=True).stdout
    assert "Show which database this is, where it stands, and what is pending." in " ".join(listed.split())
