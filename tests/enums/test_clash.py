"""Other packages for enums: each call of an operation goes to the one it is written for, and only one of them compares."""

import subprocess
import sys
from pathlib import Path

import pytest

from alembic_async_template import op as typed_op
from alembic_async_template import plugin
from alembic_async_template.enums import clash
from alembic_async_template.errors import OperationClashError
from support.commands import keep_variables
from support.enums import EnumOperations, create_enum, offline, read_enums
from support.project import Project

REVISION = """
from alembic import op as stock
{imports}
revision = "{name}"
down_revision = {previous!r}


def upgrade():
    {call}


def downgrade():
    pass
"""
THEIRS = "from alembic_postgresql_enum import TableReference\n"
OURS = "from alembic_async_template import op\n"


@pytest.mark.parametrize("env_imports", [False, True], ids=["revision imports it", "env.py imports it"])
def test_revisions_of_both_packages_run_in_one_history(project: Project, postgresql_url: str, env_imports: bool) -> None:
    """Whichever was registered last, and with whichever `op`."""
    create_enum(postgresql_url, "mood", ["a"])
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.environment["DATABASE_URL"] = postgresql_url
    if env_imports:
        env = project.directory / "migrations/env.py"
        env.write_text("import alembic_postgresql_enum\n" + env.read_text())
    calls = [
        ("one", THEIRS, 'stock.add_enum_value(enum_schema="public", enum_name="mood", new_value="b")'),
        ("two", "", 'stock.add_enum_value("public", "mood", "c", before_value="b")'),
        ("three", "", 'stock.add_enum_value("mood", "d", before="c", schema="public")'),
        ("four", OURS, 'op.add_enum_value("mood", "e", after="a")'),
    ]
    previous = None
    for name, imports, call in calls:
        text = REVISION.format(name=name, imports=imports, previous=previous, call=call)
        project.write({f"migrations/versions/{name}.py": text})
        previous = name
    project.alembic("upgrade", "head")
    assert read_enums(postgresql_url) == {"public.mood": ["a", "e", "b", "d", "c"]}  # their before_value means after
    project.write(
        {
            "migrations/versions/five.py": REVISION.format(
                name="five", imports="", previous="four", call='stock.add_enum_value("mood", "f", before_value="a")'
            )
        }
    )
    result = project.alembic("upgrade", "head", check=False)
    assert (
        "FAILED: op.add_enum_value is an operation of alembic_async_template and of alembic_postgresql_enum, and the arguments fit "
        "none of them\n"
    ) in result.output
    assert result.output.endswith(
        "  fix    import op from the package that is meant:\n         from alembic_async_template import op\n"
    )


def test_a_call_that_fits_several_packages_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three positional arguments are both other packages' way; the typed op is this package's in any case."""
    for number, (name, class_) in enumerate(clash.OTHERS.items()):
        namespace = {"__name__": f"other{number}"}
        exec(f"class {class_}:\n    @classmethod\n    def add_enum_value(cls, op, schema, name, value): pass", namespace)
        module = type(sys)(name)
        setattr(module, class_, namespace[class_])
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(EnumOperations, "add_enum_value", EnumOperations.add_enum_value)
    plugin._share_directive(sys)
    op, output = offline()
    with pytest.raises(OperationClashError) as error:
        op.add_enum_value("public", "mood", "b")  # type: ignore[call-arg]
    assert (error.value.operation, error.value.packages) == ("add_enum_value", ("other0", "other1"))
    assert "the arguments fit each of them" in str(error.value)
    op.add_enum_value("mood", "b")
    assert "ALTER TYPE" in output.getvalue()
    assert typed_op.add_enum_value.__module__ == "alembic_async_template.op"


MODELS = """
from enum import StrEnum

from sqlalchemy import Enum
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Mood(StrEnum):
    sad = "sad"
    glad = "glad"{more}


class Person(Base):
    __tablename__ = "person"
    id: Mapped[int] = mapped_column(primary_key=True)
    mood: Mapped[Mood] = mapped_column(Enum(Mood, name="mood"))
"""
# As alembic-postgresql-enum writes them: the second has its import at the top.
OLD = {
    "one": """
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "one"
down_revision = None


def upgrade():
    sa.Enum("sad", name="mood").create(op.get_bind())
    mood = postgresql.ENUM("sad", name="mood", create_type=False)
    op.create_table("person", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("mood", mood, nullable=False))


def downgrade():
    op.drop_table("person")
    sa.Enum("sad", name="mood").drop(op.get_bind())
""",
    "two": """
import sqlalchemy as sa
from alembic import op
from alembic_postgresql_enum import TableReference

revision = "two"
down_revision = "one"


def upgrade():
    op.sync_enum_values(
        enum_schema="public",
        enum_name="mood",
        new_values=["sad", "glad"],
        affected_columns=[TableReference(table_schema="public", table_name="person", column_name="mood")],
        enum_values_to_rename=[],
    )


def downgrade():
    op.sync_enum_values(
        enum_schema="public",
        enum_name="mood",
        new_values=["sad"],
        affected_columns=[TableReference(table_schema="public", table_name="person", column_name="mood")],
        enum_values_to_rename=[],
    )
""",
}
IMPORT = "from alembic_postgresql_enum import TableReference\n"


def adopt(project: Project, url: str) -> Path:
    """A project whose history is that of the other package, at its head, and whose enum gets another member."""
    project.environment["DATABASE_URL"] = url
    project.write({"app/models.py": MODELS.format(more="")})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.write({f"migrations/versions/{name}.py": text for name, text in OLD.items()})
    project.alembic("upgrade", "head")
    project.write({"app/models.py": MODELS.format(more='\n    calm = "calm"')})
    return project.directory / "migrations"


def import_in_functions(migrations: Path) -> None:
    """Import the other package only where the old revision needs it."""
    two = migrations / "versions/two.py"
    text = two.read_text().replace(IMPORT, "")
    two.write_text(text.replace("():\n", f"():\n    {IMPORT}\n"))


@pytest.mark.parametrize("command", [("check",), ("revision", "--autogenerate", "-m", "calm")], ids=lambda command: command[0])
def test_two_comparisons_of_enums_are_refused_before_anything_is_written(
    project: Project, postgresql_url: str, command: tuple[str, ...]
) -> None:
    """The import in env.py is named, with its line, and that of the old revision is not: it may stay."""
    migrations = adopt(project, postgresql_url)
    env = migrations / "env.py"
    text = env.read_text()
    env.write_text(f"import alembic_postgresql_enum\n{text}")
    refused = project.alembic(*command, check=False)
    assert refused.returncode
    assert f"\n  where  its import switches that on: {env}:1\n" in refused.output
    assert "Traceback" not in refused.output
    assert sorted(path.stem for path in project.revisions()) == ["one", "two"]
    env.write_text(text)  # as the refusal advises
    assert "calm" in project.alembic(*command, check=False).output


def test_the_import_in_env_and_in_the_application_is_named(project: Project, postgresql_url: str) -> None:
    """Wherever it stands, all of them at once."""
    migrations = adopt(project, postgresql_url)
    env = migrations / "env.py"
    env.write_text(f"import alembic_postgresql_enum\n{env.read_text()}")
    models = project.directory / "app/models.py"
    models.write_text(f"try:\n    import alembic_postgresql_enum as _\nexcept ImportError:\n    pass\n{models.read_text()}")
    output = project.alembic("check", check=False).output
    places = [(1, env), (2, models)]
    assert ", ".join(f"{path}:{line}" for line, path in places) in output


@pytest.mark.parametrize("in_functions", [False, True])
def test_the_old_revision_may_import_it(project: Project, postgresql_url: str, in_functions: bool) -> None:
    """The old history runs both ways, and each change is written once."""
    migrations = adopt(project, postgresql_url)
    if in_functions:
        import_in_functions(migrations)
    project.alembic("revision", "--autogenerate", "-m", "calm")
    (written,) = (path.read_text() for path in project.revisions() if path.stem not in OLD)
    assert (written.count('op.add_enum_value("mood", "calm")'), written.count("sync_enum_values")) == (1, 0)
    project.alembic("downgrade", "base")
    project.alembic("upgrade", "head")
    assert read_enums(postgresql_url) == {"public.mood": ["sad", "glad", "calm"]}
    assert "No new upgrade operations" in project.alembic("check").output


def test_a_program_may_migrate_and_then_compare(project: Project, postgresql_url: str) -> None:
    """The functions that import the other package have run in the process that compares."""
    import_in_functions(adopt(project, postgresql_url))
    project.write(
        {
            "both.py": "import asyncio, sys\nfrom alembic_async_template import Migrations\n\n\nasync def both():\n"
            "    migrations = Migrations()\n    await migrations.downgrade('base')\n    await migrations.upgrade()\n"
            "    assert 'alembic_postgresql_enum' in sys.modules\n    print(await migrations.check())\n\n\nasyncio.run(both())\n"
        }
    )
    result = subprocess.run(
        [sys.executable, "both.py"],
        cwd=project.directory,
        env=keep_variables(**project.environment),
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.count("calm") == 1
    assert "SyncEnumValues" not in result.stdout


def test_enum_types_may_be_left_to_the_other_package(project: Project, postgresql_url: str) -> None:
    """The other line of the refusal: its comparison alone runs, and what it writes does too."""
    env = adopt(project, postgresql_url) / "env.py"
    env.write_text(f"import alembic_postgresql_enum\n{env.read_text()}")
    line = 'run_environment(autogenerate_plugins=["alembic.autogenerate.*"])'
    assert line in " ".join(project.alembic("check", check=False).output.split())
    env.write_text(env.read_text().replace("\nrun_environment()", f"\n{line}"))
    mako = env.with_name("script.py.mako")
    mako.write_text(mako.read_text().replace("from alembic_async_template import op", "from alembic import op"))
    project.alembic("revision", "--autogenerate", "-m", "calm")
    (written,) = (path.read_text() for path in project.revisions() if path.stem not in OLD)
    assert (written.count("op.sync_enum_values("), written.count("op.add_enum_value(")) == (1, 1)
    project.alembic("upgrade", "head")
    assert read_enums(postgresql_url) == {"public.mood": ["sad", "glad", "calm"]}
    project.alembic("downgrade", "base")
