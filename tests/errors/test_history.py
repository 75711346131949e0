"""Errors of the history: several heads, revisions without a file, a step back from a merge."""

from __future__ import annotations

import asyncio
import io
import shlex
import shutil
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.operations.ops import MigrationScript
from alembic.script import Script
from sqlalchemy.engine import make_url

from alembic_async_template import Migrations, errors
from support.cases import AUTOGENERATE, Case, run
from support.project import Project, write_environment, write_files


def test_a_step_back_from_a_merge(tmp_path: Path, sqlite_url: str) -> None:
    """It has two ends, and both are named; so are the heads that are not merged yet, with the command that was typed."""
    write_environment(tmp_path, sqlite_url)
    migrations = Migrations(tmp_path / "alembic.ini")
    for name, previous in {"one": None, "two": None, "three": ("one", "two")}.items():
        text = f"revision = {name!r}\ndown_revision = {previous!r}\nupgrade = downgrade = lambda: None\n"
        write_files(tmp_path, {f"migrations/versions/{name}.py": text})
        if name == "two":
            with pytest.raises(errors.SeveralHeadsError, match=r"  or     name all of them:\n         alembic stamp heads$"):
                asyncio.run(migrations.stamp("head"))
    asyncio.run(migrations.upgrade())
    with pytest.raises(errors.AmbiguousDowngradeError) as refused:
        asyncio.run(migrations.downgrade("-1"))
    assert str(refused.value) == (
        "One step back from three leads to each of one, two\n  fix    name the one to go to:\n         alembic downgrade one\n"
        "  or     name the one to go to:\n         alembic downgrade two"
    )
    asyncio.run(migrations.downgrade("one"))
    assert set(asyncio.run(migrations.current())) == {"one", "two"}


# After each line, where the database is.
STEPS_BACK = [
    (
        {"root": None, "bills": "root", "goods": "root", "more": "goods"},
        {"bills@-1": "more", "more@-1": "bills, goods", "root": "root"},
        {"more@-2": "bills", "root": "root"},
    ),
    (
        {"root": None, "bills": "root", "goods": "root", "merged": ("bills", "goods"), "other": "bills"},
        {"goods": "goods, other", "other@-1": "merged", "bills": "bills, goods"},
        {"bills": "bills, goods"},
    ),
    (
        {"one": None, "two": "one", "three": None, "four": "three"},
        {"four@-1": "three, two", "two@-1": "four, one"},
        {"four@-2": "two", "two@-2": "four"},
    ),
]


@pytest.mark.parametrize(("history", "one", "two"), STEPS_BACK)
def test_steps_back_from_several_heads(
    tmp_path: Path, database_url: str, history: dict[str, object], one: dict[str, str], two: dict[str, str]
) -> None:
    """Alembic only warns, and takes back what it chooses: nothing runs, and each line that is shown does what it says."""
    write_environment(tmp_path, database_url.replace("%", "%%"))
    for name, previous in history.items():
        text = f"revision = {name!r}\ndown_revision = {previous!r}\nupgrade = downgrade = lambda: None\n"
        write_files(tmp_path, {f"migrations/versions/{name}.py": text})
    migrations = Migrations(tmp_path / "alembic.ini")
    asyncio.run(migrations.upgrade("heads"))
    heads = sorted(asyncio.run(migrations.current()))
    for steps, targets in (("-1", one), ("-2", two)):
        with pytest.raises(errors.AmbiguousDowngradeError) as refused:
            asyncio.run(migrations.downgrade(steps))
        assert (
            refused.value.headline
            == f"The database is at {' and '.join(heads)}, and {steps} does not say from which of them to go back"
        )
        assert [fix.example for fix in refused.value.fixes] == [f"alembic downgrade {target}" for target in targets]
        for target, place in targets.items():
            assert sorted(asyncio.run(migrations.current())) == heads
            asyncio.run(migrations.downgrade(target))
            assert ", ".join(sorted(asyncio.run(migrations.current()))) == place
            asyncio.run(migrations.upgrade("heads"))


def test_a_step_back_from_branches_that_depend_on_each_other(tmp_path: Path, sqlite_url: str) -> None:
    """What the other branch needs is not taken back, and a revision that it only depends on is not where it begins."""
    write_environment(tmp_path, sqlite_url)
    for name, previous, needed in [("one", None, None), ("two", "one", None), ("three", None, "one"), ("four", "three", None)]:
        text = f"revision = {name!r}\ndown_revision = {previous!r}\ndepends_on = {needed!r}\nupgrade = downgrade = lambda: None\n"
        write_files(tmp_path, {f"migrations/versions/{name}.py": text})
    migrations = Migrations(tmp_path / "alembic.ini")
    asyncio.run(migrations.upgrade("heads"))
    for steps, targets in {"-1": ("four@-1", "two@-1"), "-2": ("four@-2",), "-3": ()}.items():
        with pytest.raises(errors.AmbiguousDowngradeError) as refused:
            asyncio.run(migrations.downgrade(steps))
        assert refused.value.targets == targets


def test_a_failed_purge_keeps_the_revision(tmp_path: Path, database_url: str) -> None:
    """The version table is emptied and filled in one transaction."""
    write_environment(tmp_path, database_url.replace("%", "%%"), one="pass")
    migrations = Migrations(tmp_path / "alembic.ini")
    asyncio.run(migrations.upgrade())
    with pytest.raises(errors.RevisionNotFoundError, match="where  their head is one; the database is at one"):
        command.stamp(Config(tmp_path / "alembic.ini"), "nowhere", purge=True)
    assert asyncio.run(migrations.current()) == ("one",)
    with pytest.raises(
        errors.RevisionNotFoundError, match="where  their head is one\n  fix    see which there are"
    ):  # no database was asked
        command.upgrade(Config(tmp_path / "alembic.ini", output_buffer=io.StringIO()), "nowhere", sql=True)


def test_a_revision_for_several_heads(templates: Path, tmp_path: Path, sqlite_url: str) -> None:
    """Autogenerate on the command line is refused before it compares, unless a head is named."""
    files = {f"migrations/versions/{name}.py": f"revision = '{name}'\ndown_revision = None\n" for name in ("one", "two")}
    project = Project(tmp_path / "ours")
    for arguments, refused in ((), True), (("--head", "one"), False):
        case = Case("", files=files, command=(*AUTOGENERATE, *arguments))
        result = run(project, case, templates / "async-fastapi", make_url(sqlite_url))
        assert ("FAILED: The revisions have 2 heads, one, two" in result.stderr) is refused, str(result)
        shutil.rmtree(project.directory)


MODELS = """from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
REVISION = "revision = {!r}\ndown_revision = {!r}\nbranch_labels = {!r}\ndef upgrade(): pass\ndef downgrade(): pass\n"
BRANCHES = {
    f"migrations/versions/{name}.py": REVISION.format(name, previous, label)
    for name, previous, label in [("root", None, None), ("bills", "root", ("billing",)), ("goods", "root", ("stock",))]
}


@pytest.fixture
def branched(project: Project) -> Project:
    """A project with a table that no revision makes, on a database that is at both heads of its history."""
    project.environment["DATABASE_URL"] = "sqlite:///app.db"
    project.write({"app/models.py": MODELS})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.write(BRANCHES)
    project.alembic("upgrade", "heads")
    return project


@pytest.fixture
def stock(tmp_path: Path) -> Project:
    """The same with Alembic's own template."""
    project = Project(tmp_path / "stock")
    project.write({"app/models.py": MODELS})
    project.alembic("init", "-t", "async", "migrations")
    env = (project.directory / "migrations/env.py").read_text()
    env = env.replace("target_metadata = None", "from app.models import Base\ntarget_metadata = Base.metadata")
    project.write({**BRANCHES, "migrations/env.py": env})
    project.set(**{"sqlalchemy.url": "sqlite+aiosqlite:///app.db"})
    project.alembic("upgrade", "heads")
    return project


@pytest.mark.parametrize(
    "arguments",
    [
        "check",
        "revision -m x",
        "revision --head bills -m x",
        "revision --autogenerate -m x",
        "revision --autogenerate --head bills -m x",
        "revision --autogenerate --head billing@head -m x",
        "revision --autogenerate --head stock@head --branch-label goods2 -m x",
        "revision --autogenerate --head heads -m x",
        "revision --autogenerate --head root -m x",
        "revision --autogenerate --head root --splice -m x",
        "revision --autogenerate --head base --branch-label third -m x",
        "revision --autogenerate --head bills --depends-on goods -m x",
        "upgrade head",
        "upgrade billing@head",
        "upgrade heads",
        "downgrade -1",
        "downgrade billing@root",
        "downgrade billing@-1",
        "stamp head",
        "stamp heads",
        "current --check-heads",
    ],
)
def test_a_branched_history_is_refused_where_alembic_refuses_it(branched: Project, stock: Project, arguments: str) -> None:
    """The same commands succeed as with Alembic's own template, and their revisions follow the same one."""
    ours, theirs = (project.alembic(*arguments.split(), check=False) for project in (branched, stock))
    # A comparison that finds something is told in the same way.
    assert (ours.returncode == 0) is (theirs.returncode == 0), f"{ours}\n{theirs}"
    written = [
        [line.strip() for path in project.revisions() for line in path.read_text().splitlines() if line.startswith("Revises:")]
        for project in (branched, stock)
    ]
    assert written[0] == written[1]
    if arguments == "check":
        assert "item" in ours.block


def test_a_program_compares_a_branched_history(branched: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook that writes nothing, as pytest-alembic's, or one that names the head, has its way; without one, no head is guessed."""
    monkeypatch.chdir(branched.directory)
    monkeypatch.setenv("DATABASE_URL", "sqlite:///app.db")
    config = Config("alembic.ini")
    seen: list[object] = []

    def look(_context: object, _revision: object, directives: list[MigrationScript]) -> None:
        seen.extend(directives[0].upgrade_ops_list[0].ops)
        directives.clear()

    def choose(_context: object, _revision: object, directives: list[MigrationScript]) -> None:
        directives[0].head = "stock@head"

    command.revision(config, "x", autogenerate=True, process_revision_directives=look)
    assert [type(operation).__name__ for operation in seen] == ["CreateTableOp"]
    with pytest.raises(errors.SeveralHeadsError, match="The revisions have 2 heads, bills, goods"):
        command.revision(config, "x", autogenerate=True)
    script = command.revision(config, "x", autogenerate=True, process_revision_directives=choose)
    assert isinstance(script, Script)
    assert script.down_revision == "goods"


def test_a_hook_of_env_py_names_the_head(branched: Project) -> None:
    """As Alembic's documentation shows it: the branch depends on what was changed."""
    hook = "def choose(context, revision, directives):\n    directives[0].head = 'billing@head'\n"
    env = (branched.directory / "migrations/env.py").read_text()
    branched.write(
        {"migrations/env.py": env.replace("run_environment()", f"{hook}run_environment(process_revision_directives=choose)")}
    )
    branched.alembic("revision", "--autogenerate", "-m", "x")
    assert "Revises: bills\n" in branched.revisions()[-1].read_text()


def test_the_lines_for_several_heads_work(branched: Project) -> None:
    """After one of them, or merged: each is typed as it is printed, and a revision is written."""
    block = branched.alembic("revision", "--autogenerate", "-m", "x", check=False).block
    assert block.splitlines()[1:] == [
        "  fix    join them:",
        '         alembic merge -m "merge" heads',
        "  or     write the revision after one of them:",
        "         alembic revision --autogenerate -m x --head bills",
    ]
    branched.alembic(*shlex.split(block.splitlines()[4])[1:])
    assert "Revises: bills\n" in branched.revisions()[-1].read_text()
    branched.revisions()[-1].unlink()
    branched.alembic(*shlex.split(block.splitlines()[2])[1:])
    branched.alembic("upgrade", "head")
    branched.alembic("revision", "--autogenerate", "-m", "x")


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "command", ["upgrade head", "upgrade heads", "stamp head", "revision --autogenerate -m x", "revision -m x"]
)
def test_two_files_of_one_revision(project: Project, sqlite_url: str, command: str) -> None:
    """Both are named, whether the copy shows as a second head or not; the lines of the advice make it a revision of its own."""
    for original in ("two", "one"):
        write_environment(project.directory, sqlite_url, one="pass", two="pass")
        versions = project.directory / "migrations/versions"
        copy = versions / "copy.py"
        copy.write_text((versions / f"{original}.py").read_text())
        block = project.alembic(*command.split(), env={"PYTHONWARNINGS": "ignore"}, check=False).block
        assert block == (
            f"Several files have the revision {original}: one is probably a copy\n"
            f"  where  migrations/versions/copy.py\n         migrations/versions/{original}.py\n"
            "  fix    if the copy is a revision of its own, change these lines in it:\n"
            f'         revision = "5b3c"\n         down_revision = "{original}"\n'
            "  or     if it is left over, remove it"
        )
    copy.write_text((versions / "two.py").read_text().replace("'two'", '"5b3c"').replace("'one'", '"two"'))
    assert "Database is at 5b3c (head)" in project.alembic("upgrade", "head").stderr
