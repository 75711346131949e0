"""What a command reads, parses and imports of an application with 2,000 modules, of which 100 define a table."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.large_project import LargeProject, write_large_project
from support.project import Project, write_files

# Counts by Python's own audit events, which neither reader nor parser can avoid.
ENV = """
import json, os, sys

read, compiled = set(), set()


def note(event, arguments):
    path = str(arguments[0 if event == "open" else 1]) if event in {"open", "compile"} else ""
    if path.startswith(os.environ["APPLICATION"]) and path.endswith(".py"):
        (read if event == "open" else compiled).add(path)


sys.addaudithook(note)
from alembic_async_template import run_environment

try:
    run_environment()
finally:
    imported = sorted(name for name in sys.modules if name.partition(".")[0] == "app")
    with open(os.environ["COUNTED"], "w") as file:
        json.dump({"read": len(read), "compiled": len(compiled), "imported": imported}, file)
"""
# What the modules with tables import themselves.
BASES = {"app", "app.db", "app.db.base", "app.db.lookups", "app.db.meta", "app.db.mixins", "app.domains"}


@dataclass(frozen=True, slots=True)
class Large:
    """The project with its commands, counted."""

    project: Project
    written: LargeProject
    counted: Path

    def run(self, *arguments: str) -> dict[str, object]:
        self.counted.unlink(missing_ok=True)
        for remembered in self.project.directory.glob("__pycache__/*.json"):
            remembered.unlink()
        self.project.alembic(*arguments)
        result: dict[str, object] = json.loads(self.counted.read_text())
        return result


@pytest.fixture
def large(project: Project, sqlite_url: str, tmp_path: Path) -> Large:
    """The application, initialised and without an app_engine, which a command would import."""
    written = write_large_project(project.directory)
    counted = tmp_path / "counted.json"
    application = str(project.directory / "app")
    project.environment |= {"DATABASE_URL": sqlite_url, "APPLICATION": application, "COUNTED": str(counted)}
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.set(app_engine="")
    write_files(project.directory, {"migrations/env.py": ENV})
    return Large(project, written, counted)


def test_a_comparison_reads_every_source_parses_few_and_imports_what_defines_tables(large: Large) -> None:
    """The 100 modules with tables and what they import themselves; and few are parsed that define none."""
    large.run("revision", "--autogenerate", "-m", "tables")
    large.run("upgrade", "head")
    counts = large.run("check")
    packages = {name.rpartition(".")[0] for name in large.written.table_modules}
    packages |= {name.rpartition(".")[0] for name in packages}
    assert set(counts["imported"]) == BASES | packages | set(large.written.table_modules)  # type: ignore[call-overload]
    assert counts["read"] == large.written.modules
    assert 100 <= counts["compiled"] <= 110  # type: ignore[operator]


def test_a_comparison_after_which_no_source_changed_reads_none(large: Large) -> None:
    """What the first one found is remembered; the modules with tables are imported from their byte code."""
    large.run("revision", "--autogenerate", "-m", "tables")
    large.run("upgrade", "head")
    large.run("check")
    large.project.alembic("check")
    counts = json.loads(large.counted.read_text())
    assert (counts["read"], counts["compiled"]) == (0, 0)
    assert set(large.written.table_modules) <= set(counts["imported"])


def test_a_database_at_its_head_needs_no_source(large: Large) -> None:
    """Neither `upgrade` nor `current` nor `stamp` reads or imports any, although the models have a naming convention."""
    large.run("revision", "--autogenerate", "-m", "tables")
    large.run("upgrade", "head")
    for command in (("upgrade", "head"), ("current",), ("stamp", "head")):
        assert large.run(*command) == {"read": 0, "compiled": 0, "imported": []}


def test_an_upgrade_imports_the_base_with_the_convention_and_no_table(large: Large) -> None:
    """A constraint without a name gets the one of the models' convention, online and offline."""
    large.project.alembic("revision", "-m", "by hand")
    (revision,) = large.project.revisions()
    table = 'op.create_table("two", sa.Column("x", sa.Integer), sa.UniqueConstraint("x"))'
    revision.write_text(revision.read_text().replace('schema."""', f'schema."""\n    {table}', 1))
    assert large.run("upgrade", "head")["imported"] == ["app", "app.db", "app.db.base", "app.db.meta"]
    sql = large.project.alembic("upgrade", "head", "--sql").stdout
    assert "CONSTRAINT unique_two_x UNIQUE (x)" in sql
