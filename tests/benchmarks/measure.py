"""What this package costs, measured in turns with what it is compared to; prints the ratios of the medians.

nox -s benchmarks -- change [rows]         a removal from three enum columns, and the ALTER TABLE that can be written
                                           by hand, with the rest of the work (the new type, its name) around it
nox -s benchmarks -- autogenerate [tables] a comparison that finds nothing, a tenth as many enum types as tables: Alembic
                                           alone, with this package, and with alembic-postgresql-enum
nox -s benchmarks -- head [revisions]      `alembic upgrade head` where there is nothing to do: Alembic's own template for
                                           async engines, and this package's
nox -s benchmarks -- guard [operations]    `alembic upgrade head` of so many operations on small tables, with `blocking = allow`, and
                                           with the guard of large tables
nox -s benchmarks -- online [rows]         each operation as it is, and in `op.online()`: the longest time for which one of four clients
                                           that read and write the table has to wait
nox -s benchmarks -- discovery [modules]   `alembic check` and `alembic upgrade head` on a large project, with nothing to do:
                                           Alembic's own template for async engines with an env.py that imports the modules
                                           with tables, written by hand, and this package's
nox -s benchmarks -- plan [statements]     `alembic plan` of a revision, and `alembic upgrade head` on an empty database
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Column, Enum, Integer, MetaData, String, Table, Text, create_engine

from support.enums import operations
from support.large_project import write_large_project
from support.online import Runner
from support.servers import create_postgresql_database, start_embedded_postgresql, watch_embedded_postgresql

SET_UP = """
    CREATE TYPE mood AS ENUM ('a', 'b', 'c');
    CREATE TABLE t (id bigint PRIMARY KEY, x mood, y mood DEFAULT 'b', z mood NOT NULL, note text);
    INSERT INTO t SELECT n, (ARRAY['a', 'b', 'c'])[1 + n % 3]::mood, 'b', 'c', repeat('x', 40) FROM generate_series(1, {}) n;
    CREATE INDEX ON t (x);
    CHECKPOINT;
"""
BY_HAND = """
    BEGIN;
    ALTER TABLE t ALTER y DROP DEFAULT;
    ALTER TYPE mood RENAME TO old_mood;
    CREATE TYPE mood AS ENUM ('b', 'c');
    ALTER TABLE t
        ALTER x TYPE mood USING (CASE x::text WHEN 'a' THEN 'b' ELSE x::text END)::mood,
        ALTER y TYPE mood USING (CASE y::text WHEN 'a' THEN 'b' ELSE y::text END)::mood,
        ALTER z TYPE mood USING (CASE z::text WHEN 'a' THEN 'b' ELSE z::text END)::mood;
    ALTER TABLE t ALTER y SET DEFAULT 'b';
    DROP TYPE old_mood;
    COMMIT;
"""


def change_by_hand(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(BY_HAND)


def change_by_operation(url: str) -> None:
    with create_engine(url.replace("postgresql:", "postgresql+psycopg:")).connect() as connection:
        op = operations(connection)
        with op.get_context().begin_transaction():
            op.remove_enum_value("mood", "a", replace_with="b")


def measure_change(server: str, rows: int) -> None:
    seconds: dict[str, list[float]] = {"by hand": [], "by operation": []}
    for _ in range(5):
        for name, change in (("by hand", change_by_hand), ("by operation", change_by_operation)):
            with create_postgresql_database(server) as url:
                with psycopg.connect(url, autocommit=True) as connection:
                    connection.execute(SET_UP.format(rows).encode())
                start = time.perf_counter()
                change(url)
                seconds[name].append(time.perf_counter() - start)
    print_ratios(seconds, f"{rows} rows")


def make_models(tables: int) -> MetaData:
    metadata = MetaData()
    for number in range(tables):
        labels = Enum("draft", "live", "gone", name=f"status{number // 10}")
        columns: list[Column[Any]] = [
            Column("id", Integer, primary_key=True),
            Column("title", String(50), index=True),
            Column("body", Text),
        ]
        Table(f"table{number}", metadata, *columns, Column("status", labels, server_default="draft"))
    return metadata


ENV = """
import os
import sys
from alembic import context
from sqlalchemy import NullPool, create_engine
sys.path.insert(0, os.environ["TESTS"])
from benchmarks.measure import make_models

plugins = ["alembic.autogenerate.*"]
if os.environ["PLUGIN"] == "alembic_async_template":
    plugins.append("alembic_async_template.enums")
elif os.environ["PLUGIN"] == "alembic_postgresql_enum":
    import alembic_postgresql_enum
with create_engine(os.environ["DATABASE_URL"], poolclass=NullPool).connect() as connection:
    metadata = make_models(int(os.environ["TABLES"]))
    context.configure(connection=connection, target_metadata=metadata, autogenerate_plugins=plugins)
    with context.begin_transaction():
        context.run_migrations()
"""


def measure_autogenerate(server: str, tables: int) -> None:
    """The whole command `alembic check`, in a process of its own."""
    seconds: dict[str, list[float]] = {"alembic": [], "alembic_async_template": [], "alembic_postgresql_enum": []}
    with create_postgresql_database(server) as url, tempfile.TemporaryDirectory() as directory:
        driver_url = url.replace("postgresql:", "postgresql+psycopg:")
        make_models(tables).create_all(create_engine(driver_url))
        folder = Path(directory)
        (folder / "versions").mkdir()
        (folder / "env.py").write_text(ENV)
        (folder / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s\n")
        environment = os.environ | {"DATABASE_URL": driver_url, "TABLES": str(tables), "TESTS": str(Path(__file__).parent.parent)}
        command = [sys.executable, "-m", "alembic", "-c", str(folder / "alembic.ini"), "check"]
        for _ in range(9):
            for plugin, measured in seconds.items():
                start = time.perf_counter()
                subprocess.run(command, env={**environment, "PLUGIN": plugin}, check=True, capture_output=True)
                measured.append(time.perf_counter() - start)
    print_ratios(seconds, f"{tables} tables")


REVISION = """
from alembic import op

revision = {revision!r}
down_revision = {previous!r}


def upgrade():
    op.execute("SELECT 1")
"""


def measure_head(server: str, revisions: int) -> None:
    """The whole command, in a process of its own."""
    seconds: dict[str, list[float]] = {"async": [], "async-fastapi": []}
    alembic = [sys.executable, "-m", "alembic"]
    with create_postgresql_database(server) as url, tempfile.TemporaryDirectory() as directory:
        environment = os.environ | {"DATABASE_URL": url}
        for template in seconds:
            folder = Path(directory, template)
            (folder / "app").mkdir(parents=True)
            (folder / "app/models.py").write_text(MODELS)
            subprocess.run([*alembic, "init", "-t", template, "migrations"], cwd=folder, check=True, capture_output=True)
            ini = folder / "alembic.ini"
            driver_url = url.replace("postgresql:", "postgresql+asyncpg:").replace("%", "%%")
            ini.write_text(ini.read_text().replace("driver://user:pass@localhost/dbname", driver_url))
            for number in range(revisions):
                previous = f"r{number - 1}" if number else None
                path = folder / f"migrations/versions/r{number}.py"
                path.write_text(REVISION.format(revision=f"r{number}", previous=previous))
            subprocess.run([*alembic, "upgrade", "head"], cwd=folder, env=environment, check=True, capture_output=True)
        for _ in range(15):
            for template, measured in seconds.items():
                start = time.perf_counter()
                folder = Path(directory, template)
                subprocess.run([*alembic, "upgrade", "head"], cwd=folder, env=environment, check=True, capture_output=True)
                measured.append(time.perf_counter() - start)
    print_ratios(seconds, f"{revisions} revisions")


TABLES = """
    for number in range(20):
        op.create_table(f"t{number}", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("n", sa.Integer()))
"""
STATEMENTS = """
    for number in range({}):
        table = f"t{{number % 20}}"
        if number % 2:
            op.create_index(f"ix_{{number}}", table, ["n"])
        else:
            op.add_column(table, sa.Column(f"c{{number}}", sa.Integer()))
"""


def measure_plan(server: str, statements: int) -> None:
    """Whole commands; the plan begins where the tables are."""
    seconds: dict[str, list[float]] = {"upgrade": [], "plan": []}
    alembic = [sys.executable, "-m", "alembic"]
    with create_postgresql_database(server) as live, tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "app").mkdir()
        (Path(directory) / "app/models.py").write_text(MODELS)
        subprocess.run([*alembic, "init", "-t", "async-fastapi", "migrations"], cwd=directory, check=True, capture_output=True)
        for number, body in enumerate((TABLES, STATEMENTS.format(statements))):
            text = REVISION.format(revision=f"r{number}", previous=f"r{number - 1}" if number else None)
            text = text.replace("from alembic import op", "import sqlalchemy as sa\nfrom alembic import op")
            path = Path(directory, f"migrations/versions/r{number}.py")
            path.write_text(text.replace('    op.execute("SELECT 1")\n', body))

        def run(url: str, *command: str) -> float:
            start = time.perf_counter()
            environment = os.environ | {"DATABASE_URL": url}
            subprocess.run([*alembic, *command], cwd=directory, env=environment, check=True, capture_output=True)
            return time.perf_counter() - start

        run(live, "upgrade", "r0")
        for _ in range(7):
            with create_postgresql_database(server) as empty:
                seconds["upgrade"].append(run(empty, "upgrade", "head"))
            seconds["plan"].append(run(live, "plan"))
    print_ratios(seconds, f"{statements} statements")


GUARDED = """
import sqlalchemy as sa
from alembic import op

revision = "many"
down_revision = "made"


def upgrade():
    for number in range({operations} // 2):
        op.add_column(f"t{{number % 20}}", sa.Column(f"c{{number}}", sa.Integer()))
        op.create_index(f"ix{{number}}", f"t{{number % 20}}", [f"c{{number}}"])


def downgrade():
    for number in range({operations} // 2):
        op.drop_column(f"t{{number % 20}}", f"c{{number}}")
"""
MADE = """
import sqlalchemy as sa
from alembic import op

revision = "made"
down_revision = None


def upgrade():
    for number in range(20):
        op.create_table(f"t{number}", sa.Column("id", sa.Integer, primary_key=True))
    op.create_table("large", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO large SELECT generate_series(1, 200000)")
"""


def measure_guard(server: str, operations: int) -> None:
    """The whole command, in a process of its own."""
    seconds: dict[str, list[float]] = {"allow": [], "warn": []}
    alembic = [sys.executable, "-m", "alembic"]
    with create_postgresql_database(server) as url, tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        (folder / "app").mkdir()
        (folder / "app/models.py").write_text(MODELS)
        environment = os.environ | {"DATABASE_URL": url}

        def run(*arguments: str) -> None:
            subprocess.run([*alembic, *arguments], cwd=folder, env=environment, check=True, capture_output=True)

        run("init", "-t", "async-fastapi", "migrations")
        ini = folder / "alembic.ini"
        text = ini.read_text()
        (folder / "migrations/versions/made.py").write_text(MADE)
        (folder / "migrations/versions/many.py").write_text(GUARDED.format(operations=operations))
        run("upgrade", "made")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ANALYZE")
        for turn in range(31):
            for mode, measured in seconds.items() if turn % 2 else reversed(seconds.items()):
                ini.write_text(text.replace("[alembic]\n", f"[alembic]\nblocking = {mode}\n", 1))
                start = time.perf_counter()
                run("upgrade", "head")
                measured.append(time.perf_counter() - start)
                run("downgrade", "made")
    print_ratios(seconds, f"{operations} operations")


ONLINE = {
    "create_index": ('op.create_index("post_n", "post", ["n"])', "DROP INDEX post_n"),
    "create_unique_constraint": (
        'op.create_unique_constraint("post_u", "post", ["n"])',
        "ALTER TABLE post DROP CONSTRAINT post_u",
    ),
    "create_check_constraint": (
        'op.create_check_constraint("post_c", "post", "n > 0")',
        "ALTER TABLE post DROP CONSTRAINT post_c",
    ),
    "create_foreign_key": (
        'op.create_foreign_key("post_f", "post", "author", ["author_id"], ["id"])',
        "ALTER TABLE post DROP CONSTRAINT post_f",
    ),
    "alter_column": ('op.alter_column("post", "n", nullable=False)', "ALTER TABLE post ALTER n DROP NOT NULL"),
    "add_column": ('op.add_column("post", sa.Column("x", sa.Integer(), server_default="1"))', "ALTER TABLE post DROP x"),
    "drop_index": ('op.drop_index("post_old", "post")', "CREATE INDEX post_old ON post (m)"),
}
LARGE = """
    CREATE TABLE author (id int PRIMARY KEY);
    INSERT INTO author SELECT generate_series(1, 100);
    CREATE TABLE post (id int PRIMARY KEY, n int, m int, author_id int, title text);
    INSERT INTO post SELECT i, i, i, i % 100 + 1, repeat('x', 40) FROM generate_series(1, {}) AS i;
    CREATE INDEX post_old ON post (m);
    CHECKPOINT;
"""


def measure_online(server: str, rows: int) -> None:
    """Each operation is the only one of a revision."""
    with (
        create_postgresql_database(server) as url,
        tempfile.TemporaryDirectory() as directory,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        connection.execute(LARGE.format(rows).encode())
        connection.execute("ANALYZE")
        command = [sys.executable, "-m", "benchmarks.stalls", url, "4"]
        with subprocess.Popen(command, text=True, bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as clients:
            for name, (operation, reverse) in ONLINE.items():
                waits: dict[str, list[float]] = {"plain": [], "online": []}
                for _ in range(3):
                    for form, measured in waits.items():
                        block = "with op.online():\n        " if form == "online" else ""
                        run = Runner(Path(directory), url, f"{block}{operation}")
                        connection.execute("DROP TABLE IF EXISTS alembic_version")
                        measured.append(measure_stall(clients, run.upgrade))
                        connection.execute(reverse.encode())
                print_ratios(waits, f"{rows} rows, {name}")
            clients.communicate()


def measure_stall(clients: subprocess.Popen[str], work: Callable[[], None]) -> float:
    """The longest time that one of the clients has waited while a function runs."""
    assert clients.stdin is not None
    assert clients.stdout is not None
    clients.stdin.write("\n")
    work()
    clients.stdin.write("\n")
    longest, _, failed = clients.stdout.readline().strip().partition(" ")
    if failed:
        raise RuntimeError(f"a client failed: {failed}")
    return float(longest)


def measure_discovery(server: str, modules: int) -> None:
    """Whole commands, each in a process of its own; the seconds of the processor are those of the command alone."""
    alembic = [sys.executable, "-m", "alembic"]
    with create_postgresql_database(server) as url, tempfile.TemporaryDirectory() as directory:
        environment = os.environ | {"DATABASE_URL": url}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # without byte code, compiling it would be most of what is measured
        folders = {template: Path(directory, template) for template in ("async", "async-fastapi")}
        projects = {template: write_large_project(folder, modules) for template, folder in folders.items()}
        for template, folder in folders.items():
            subprocess.run([*alembic, "init", "-t", template, "migrations"], cwd=folder, check=True, capture_output=True)
        import_models_by_hand(folders["async"], url, projects["async"].table_modules)
        own = folders["async-fastapi"]
        for command in (["revision", "--autogenerate", "-m", "tables"], ["upgrade", "head"]):
            subprocess.run([*alembic, *command], cwd=own, env=environment, check=True, capture_output=True)
        shutil.copytree(own / "migrations/versions", folders["async"] / "migrations/versions", dirs_exist_ok=True)
        for command, changed in ((["check"], False), (["check"], True), (["upgrade", "head"], False), (["current"], False)):
            label = f"{modules} modules, {' '.join(command)}{', a source changed' if changed else ''}"
            elapsed: dict[str, list[float]] = {template: [] for template in folders}
            processor: dict[str, list[float]] = {template: [] for template in folders}
            for _ in range(11):
                for template, folder in folders.items():
                    if changed:
                        (folder / "app/heavy.py").touch()
                    start, before = time.perf_counter(), os.times()
                    subprocess.run([*alembic, *command], cwd=folder, env=environment, check=True, capture_output=True)
                    after = os.times()
                    elapsed[template].append(time.perf_counter() - start)
                    used = after.children_user + after.children_system - before.children_user - before.children_system
                    processor[template].append(used)
            print_ratios(elapsed, label)
            print_ratios(processor, f"{label}, processor")


def import_models_by_hand(folder: Path, url: str, modules: tuple[str, ...]) -> None:
    """Complete the `env.py` and ini of Alembic's own template."""
    ini, env = folder / "alembic.ini", folder / "migrations/env.py"
    driver_url = url.replace("postgresql:", "postgresql+asyncpg:").replace("%", "%%")
    ini.write_text(ini.read_text().replace("driver://user:pass@localhost/dbname", driver_url))
    imports = "".join(f"import {name}\n" for name in modules)
    metadata = f"{imports}from app.db.base import Base\n\ntarget_metadata = Base.metadata"
    env.write_text(env.read_text().replace("target_metadata = None", metadata))


MODELS = """
from sqlmodel import Field, SQLModel


class Post(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
"""


def print_ratios(seconds: dict[str, list[float]], size: str) -> None:
    """The first is what the others are compared to."""
    medians = {name: statistics.median(measured) for name, measured in seconds.items()}
    base = next(iter(medians.values()))
    for name, measured in seconds.items():
        values = ", ".join(f"{value:.2f}" for value in measured)
        print(f"{name}: median {medians[name]:.2f} s of {values}, ratio {medians[name] / base:.3f} at {size}")


_SIZES = {
    "change": 2_000_000,
    "autogenerate": 1_000,
    "head": 20,
    "guard": 200,
    "online": 3_000_000,
    "discovery": 2_000,
    "plan": 200,
}


def main(subject: str, size: int) -> None:
    measure = {
        "change": measure_change,
        "autogenerate": measure_autogenerate,
        "head": measure_head,
        "guard": measure_guard,
        "discovery": measure_discovery,
        "online": measure_online,
        "plan": measure_plan,
    }[subject]
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    watcher = watch_embedded_postgresql(directory)
    try:
        server = start_embedded_postgresql(directory)
        measure(server, size)
    finally:
        watcher.communicate()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    _, subject, *arguments = sys.argv
    main(subject, int(arguments[0]) if arguments else _SIZES[subject])
