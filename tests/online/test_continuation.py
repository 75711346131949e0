"""A run that ends anywhere is continued by the next one, and many at once do it once."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.commands import ALEMBIC, keep_variables
from support.online import Runner, describe_schema, prepare, write_block
from support.project import Project, write_environment
from support.servers import create_postgresql_database

# Everything that has a sequence, and what hides the traces of an earlier operation.
UPGRADE = """
op.create_table("note", sa.Column("id", sa.Integer(), primary_key=True))
op.add_column("post", sa.Column("writer_id", sa.Integer(), sa.ForeignKey("author.id"), index=True))
op.add_column("post", sa.Column("state", sa.String(10), server_default="new"))
op.alter_column("post", "state", server_default=None)
op.create_index("ix", "post", [sa.text("lower(title)")])
op.create_index("ix_measure", "measure", ["n", "at"])
op.create_foreign_key(None, "post", "author", ["author_id"], ["id"])
op.create_check_constraint("ck", "post", "n > 0")
op.create_unique_constraint("uq", "post", ["slug"])
op.create_primary_key(None, "post", ["id"])
op.alter_column("post", "title", nullable=False, existing_type=sa.Text())
op.drop_index("post_old", "post")
op.create_index("post_old", "post", ["old", "n"])
op.drop_constraint("post_old_check", "post", type_="check")
op.create_check_constraint("post_old_check", "post", "old >= 0")
op.alter_column("post", "m", new_column_name="k")
op.rename_table("author", "writer", schema="other")
""".strip()
DOWNGRADE = """
op.rename_table("writer", "author", schema="other")
op.alter_column("post", "k", new_column_name="m")
op.drop_constraint("post_old_check", "post", type_="check")
op.create_check_constraint("post_old_check", "post", "old > 0")
op.drop_index("post_old", "post")
op.create_index("post_old", "post", ["old"])
op.alter_column("post", "title", nullable=True)
op.drop_constraint("post_pkey", "post", type_="primary")
op.alter_column("post", "id", nullable=True)
op.drop_constraint("uq", "post", type_="unique")
op.drop_constraint("ck", "post", type_="check")
op.drop_constraint("post_author_id_fkey", "post", type_="foreignkey")
op.drop_index("ix_measure", "measure")
op.drop_index("ix", "post")
op.drop_column("post", "state")
op.drop_column("post", "writer_id")
op.drop_table("note")
""".strip()


class Killed(BaseException):
    """What ends a run here, as nothing in it expects."""


class _Killer:
    """Ends a run after its n-th statement that changes something."""

    def __init__(self) -> None:
        self.left = 0
        self.statements: list[str] = []

    def __call__(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("CREATE", "ALTER", "DROP", "COMMENT")) and "alembic_version" not in statement:
            self.statements.append(statement)
            self.left -= 1
            if self.left == 0:
                raise Killed


def list_states(url: str, directory: Path, body: str, downgrade: str) -> tuple[Any, Any]:
    """The schema before, and after the plain operations."""
    with create_postgresql_database(url) as plain_url:
        prepare(plain_url)
        before = describe_schema(plain_url)
        Runner(directory, plain_url, body, downgrade).upgrade()
        return before, describe_schema(plain_url)


@pytest.mark.slow
def test_a_run_that_ends_after_any_statement_is_continued(postgresql_url: str, tmp_path: Path) -> None:
    """The statement is committed or not, by chance of the place; then the next run ends one statement later, and so on."""
    before, after = list_states(postgresql_url, tmp_path, UPGRADE, DOWNGRADE)
    prepare(postgresql_url)
    runner = Runner(tmp_path, postgresql_url, write_block(UPGRADE), write_block(DOWNGRADE))
    killer = _Killer()
    runner.listen(killer, "after_cursor_execute")
    for action, state in ((runner.upgrade, after), (runner.downgrade, before), (runner.upgrade, after)):
        killer.statements.clear()
        for _ in range(100):
            killer.left = 2
            try:
                action()
            except Killed:
                continue
            break
        else:
            pytest.fail(f"it makes no progress after {killer.statements[-4:]}")
        assert describe_schema(postgresql_url) == state


@pytest.mark.slow
def test_every_prefix_of_the_sequence_leads_to_the_same_end(postgresql_url: str, tmp_path: Path) -> None:
    """From the beginning, once for each statement: the run ends after it, and the next run does the rest.

    On a server of an even version after every other statement, and on one of an odd version after those between.
    """
    before, after = list_states(postgresql_url, tmp_path, UPGRADE, DOWNGRADE)
    prepare(postgresql_url)
    runner = Runner(tmp_path, postgresql_url, write_block(UPGRADE), write_block(DOWNGRADE))
    killer = _Killer()
    runner.listen(killer, "after_cursor_execute")
    runner.upgrade()
    count = len(killer.statements)
    assert describe_schema(postgresql_url) == after
    assert count > 30
    with psycopg.connect(postgresql_url) as connection:
        first = connection.info.server_version // 10000 % 2 + 1
    for number in range(first, count + 1, 2):
        killer.left = 0
        runner.downgrade()
        if number == first:
            assert describe_schema(postgresql_url) == before
        killer.left = number
        with pytest.raises(Killed):
            runner.upgrade()
        killer.statements.clear()
        runner.upgrade()
        assert len(killer.statements) <= count - number + 2, (number, killer.statements)
        assert describe_schema(postgresql_url) == after, number


def start(project: Project) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [ALEMBIC, "upgrade", "head"], cwd=project.directory, env=keep_variables(), stderr=subprocess.PIPE, text=True
    )


def test_a_killed_process_is_continued(project: Project, postgresql_url: str) -> None:
    """The server goes on with its statement, which the next run waits for: the index is built once."""
    prepare(postgresql_url)
    body = 'op.create_index("ix", "post", ["n"])\nop.create_check_constraint("ck", "post", "n > 0")'
    write_environment(project.directory, postgresql_url.replace("%", "%%"), one=write_block(body).replace("\n", "\n    "))
    waits = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'"
    with psycopg.connect(postgresql_url, autocommit=True) as watcher, psycopg.connect(postgresql_url) as holder:
        holder.execute("UPDATE post SET n = n WHERE id = 1")
        first = start(project)
        end = time.monotonic() + 30
        while not (rows := watcher.execute(waits).fetchall()):
            assert time.monotonic() < end
            time.sleep(0.02)
        (oid,) = watcher.execute("SELECT 'ix'::regclass::oid").fetchone() or (0,)
        os.kill(first.pid, signal.SIGKILL)
        first.communicate()
        second = start(project)
        time.sleep(4)
        assert watcher.execute(waits).fetchall() == rows
        holder.rollback()
        _, stderr = second.communicate(timeout=60)
        assert second.returncode == 0, stderr
        assert "which builds index ix" in stderr, stderr
        assert watcher.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = %s", [oid]).fetchall() == [(True,)]
    assert any(key.name == "public.post.ck" for key in describe_schema(postgresql_url))


def test_many_processes_do_it_once(project: Project, postgresql_url: str) -> None:
    prepare(postgresql_url)
    write_environment(project.directory, postgresql_url.replace("%", "%%"), one=write_block(UPGRADE).replace("\n", "\n    "))

    def upgrade(_number: int) -> str:
        done = subprocess.run(
            [ALEMBIC, "upgrade", "head"],
            cwd=project.directory,
            env=keep_variables(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    with ThreadPoolExecutor(10) as pool:
        outputs = list(pool.map(upgrade, range(10)))
    assert sum("Running upgrade  -> one" in output for output in outputs) == 1
    assert not [output for output in outputs if "Retrying" in output]
