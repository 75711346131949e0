"""Commands whose target leads nowhere: what is said instead of Alembic's line, and that each line of it works as it is typed."""

from __future__ import annotations

import asyncio
import shlex
import shutil
from pathlib import Path

import pytest

from alembic_async_template import Migrations, errors
from alembic_async_template.commands.wrappers import TEMPLATE
from support.project import Project, write_environment

LINEAR = {"one": None, "two": "one", "three": "two"}
BRANCHED = {"one": None, "two": "one", "three": "one"}


def write_history(project: Project, url: str, history: dict[str, str | None]) -> None:
    """Revisions that do nothing, each after another one."""
    write_environment(project.directory, url, **dict.fromkeys(history, "pass"))
    shutil.copy(TEMPLATE / "script.py.mako", project.directory / "migrations")
    for name, previous in history.items():
        path = project.directory / f"migrations/versions/{name}.py"
        lines = [
            f"down_revision = {previous!r}" if line.startswith("down_rev") else line for line in path.read_text().splitlines()
        ]
        path.write_text("\n".join(lines) + "\n")


def type_each(project: Project, block: str) -> list[str]:
    """Type each line that a message shows, in a copy of the project; returns the lines."""
    lines = [line.strip() for line in block.splitlines() if line.startswith(f"{' ' * 9}alembic ")]
    for number, line in enumerate(lines):
        copy = Project(project.directory.parent / f"copy{number}", environment=project.environment)
        shutil.copytree(project.directory, copy.directory)
        result = copy.alembic(*shlex.split(line)[1:], check=False)
        # A report says with its status that revisions are pending.
        assert result.returncode == 0 or (line == "alembic status" and not result.block), str(result)
        shutil.rmtree(copy.directory)
    return lines


@pytest.fixture
def at(project: Project) -> Project:
    """A project whose database is a file in it."""
    project.environment["DATABASE_URL"] = "sqlite:///app.db"
    project.environment["EDITOR"] = "true"
    return project


@pytest.mark.parametrize(
    ("place", "command", "lines"),
    [
        ("base", "upgrade head", "merge -m merge heads; upgrade heads"),
        ("base", "upgrade head --sql", "merge -m merge heads; upgrade heads --sql"),
        ("base", "upgrade base:head --sql", "merge -m merge heads; upgrade base:heads --sql"),
        ("one", "upgrade +1", "merge -m merge heads; upgrade three@+1; upgrade heads"),
        ("two", "upgrade +1", "upgrade three@+1"),
        ("heads", "upgrade +1", "status"),
        ("two", "upgrade two@+1", "status"),
        ("base", "upgrade head-1", "merge -m merge heads; upgrade three-1"),
        ("base", "upgrade one+2", "merge -m merge heads; upgrade heads"),
        ("base", "downgrade head", "merge -m merge heads"),
        ("two", "downgrade head", "downgrade -1"),
        ("heads", "downgrade head", "downgrade two@-1; downgrade one"),
        ("heads", "downgrade heads", "downgrade two@-1; downgrade one"),
        ("heads", "downgrade head-1", "downgrade two@-1; downgrade one"),
        ("heads", "downgrade -1", "downgrade three@-1; downgrade two@-1; downgrade one"),
        ("heads", "downgrade -2", "downgrade one"),
        ("heads", "downgrade two:-1", "downgrade two@-1; downgrade two:-1 --sql"),
        ("three", "downgrade two@-1", "status"),
        ("three", "downgrade two@one", "downgrade -1"),
        ("three", "downgrade two", "upgrade two; downgrade -1"),
        ("heads", "downgrade base --sql", "merge -m merge heads; downgrade three:base --sql"),
        ("heads", "downgrade --sql -1", "merge -m merge heads; downgrade --sql three:-1"),
        ("heads", "downgrade head:base --sql", "merge -m merge heads; downgrade three:base --sql"),
        ("heads", "downgrade heads:one --sql", "merge -m merge heads; downgrade three:one --sql"),
        ("base", "stamp head", "merge -m merge heads; stamp heads"),
        ("two", "stamp --purge head", "merge -m merge heads; stamp --purge heads"),
        ("base", "show head", "merge -m merge heads; show heads"),
        ("base", "edit head", "merge -m merge heads; edit heads"),
        ("base", "history -r base:head", "merge -m merge heads; history -r base:heads"),
        ("base", "history --rev-range=one:head", "merge -m merge heads; history --rev-range=one:heads"),
        ("base", "revision -m x", "merge -m merge heads; revision -m x --head three"),
        ("base", "revision --head head -m x", "merge -m merge heads; revision -m x --head three"),
        ("base", "revision --head=head -m x", "merge -m merge heads; revision -m x --head three"),
        ("base", "current --check-heads", "upgrade heads"),
        ("one", "check", "merge -m merge heads"),
    ],
)
def test_two_heads(at: Project, place: str, command: str, lines: str) -> None:
    """What is for one head is told of a command for it, with the words that were typed."""
    write_history(at, "sqlite:///app.db", BRANCHED)
    at.write({"app/__init__.py": "", "app/models.py": "import sqlalchemy as sa\n\ntable = sa.Table('t', sa.MetaData())\n"})
    at.alembic("upgrade" if place != "base" else "downgrade", place)
    block = at.alembic(*command.split(), check=False).block
    assert [line.replace('"', "") for line in type_each(at, block)] == [f"alembic {line}" for line in lines.split("; ")], block


@pytest.mark.parametrize(
    ("place", "command", "headline", "lines"),
    [
        ("three", "upgrade +1", "+1 is 1 revision on, and none is pending", "status"),
        ("one", "upgrade +3", "+3 is 3 revisions on, and 2 are pending", "upgrade head"),
        ("one", "downgrade -2", "-2 is 2 revisions back, and 1 is applied", "downgrade base"),
        ("base", "downgrade -1", "-1 is 1 revision back, and none is applied", "status"),
        ("one", "downgrade +1", "+1 is not the way of downgrade", "downgrade -1; upgrade +1"),
        ("one", "upgrade -1", "-1 is not the way of upgrade", "downgrade -1; upgrade +1"),
        ("base", "upgrade -1", "-1 is not the way of upgrade", "upgrade +1"),
        ("three", "downgrade +2", "+2 is not the way of downgrade", "downgrade -2"),
        ("two", "upgrade one+9", "one+9 is after the newest revision", "upgrade head"),
        ("two", "upgrade +9 --sql", "+9 is after the newest revision", "upgrade head --sql"),
        ("two", "downgrade one-4", "one-4 is before the first revision", "downgrade base"),
        ("two", "downgrade one+4", "one+4 is after the newest revision", "history"),
        ("base", "downgrade two", "No revision is applied, so no downgrade leads to two", "upgrade two"),
        ("one", "downgrade head", "The database is before head, and a downgrade goes back", "upgrade head"),
        (
            "one",
            "downgrade base --sql",
            "A downgrade with --sql does not ask the database where it is",
            "downgrade head:base --sql",
        ),
        ("one", "downgrade one:head --sql", "head does not come before one", "downgrade head:one --sql"),
        ("one", "upgrade one:two", "one:two is a range of revisions, which is for scripts", "upgrade two; upgrade one:two --sql"),
        ("one", "revision --sql --autogenerate -m x", "A revision is written into a file: --sql has no meaning", ""),
        ("one", "stamp head --purge --sql", "--purge asks the database, and --sql does not", "stamp head --sql"),
        (
            "one",
            "revision -m x --head two",
            "Revision two is not a head, since another one follows it",
            "revision -m x --head three; revision -m x --head two --splice",
        ),
        ("one", "merge -m x one two", "Revision one is not a head, and a merge joins heads", "heads"),
        ("one", "history -r two", "two is one revision, and -r takes a range", "history -r :two; history -r two:"),
        ("one", "revision --rev-id a-b -m x", "The identifier of a revision has no - in it", "revision -m x --rev-id a_b"),
        ("one", "current --check-heads", "The database is at revision one, and this application needs three", "upgrade head"),
    ],
)
def test_a_target_that_is_not_there(at: Project, place: str, command: str, headline: str, lines: str) -> None:
    """One line says why, and the others are typed instead."""
    write_history(at, "sqlite:///app.db", LINEAR)
    at.alembic("upgrade" if place != "base" else "downgrade", place)
    block = at.alembic(*command.split(), check=False).block
    assert block.splitlines()[0] == headline
    if lines:
        assert type_each(at, block) == [f"alembic {line}" for line in lines.split("; ")]


@pytest.mark.parametrize(
    "command", ["revision -m x --rev-id one", "revision --autogenerate --rev-id=one -m x", "merge --rev-id one -m x heads"]
)
def test_an_identifier_that_is_taken(at: Project, command: str) -> None:
    """Alembic writes a second file, or over the first: nothing is written, and the file is named."""
    write_history(at, "sqlite:///app.db", BRANCHED if "merge" in command else LINEAR)
    at.write({"app/models.py": "import sqlalchemy as sa\n\ntable = sa.Table('t', sa.MetaData())\n"})
    at.alembic("upgrade", "heads")
    before = at.revisions()
    result = at.alembic(*command.split(), check=False)
    where = (
        "There is a revision one already\n  where  migrations/versions/one.py\n  fix    give the new one another identifier:\n"
    )
    assert (result.returncode, result.stdout, result.block.startswith(where)) == (255, "", True), str(result)
    assert at.revisions() == before
    (line,) = type_each(at, result.block)
    assert line.endswith(" --rev-id one_2")
    assert "Detected" not in result.stderr


def test_the_beginning_of_several_revisions(at: Project) -> None:
    """It is not a revision that is missing."""
    write_history(at, "sqlite:///app.db", {"abcd1": None, "abcd2": "abcd1"})
    block = at.alembic("upgrade", "abcd", check=False).block
    assert block.splitlines()[0] == "Several revisions begin with abcd: abcd2, abcd1"
    assert type_each(at, block) == ["alembic upgrade abcd2"]


def test_the_options_before_the_command_are_typed_again(at: Project) -> None:
    """The lines work where the command was typed, with its ini and its section; a password is not shown."""
    write_history(at, "sqlite:///app.db", BRANCHED)
    ini = at.directory / "alembic.ini"
    ini.write_text(ini.read_text().replace("[alembic]", "[own]"))
    ini.rename(at.directory / "own.ini")
    options = ("-c", "own.ini", "-n", "own", "-x", "a=b")
    block = at.alembic(*options, "upgrade", "head", check=False).block
    assert type_each(at, block) == [
        'alembic -c own.ini -n own -x a=b merge -m "merge" heads',
        "alembic -c own.ini -n own -x a=b upgrade heads",
    ]
    url = "url=postgresql://app:s%40cret@localhost/app"
    block = at.alembic("-c", "own.ini", "-n", "own", "-x", url, "revision", "-m", "x", check=False).block
    assert "s%40cret" not in block
    assert "alembic -c own.ini -n own -x 'url=postgresql://app:***@localhost/app' merge" in block


def test_a_program_is_told_too(at: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has its parts, and is one of Alembic's."""
    write_history(at, "sqlite:///app.db", LINEAR)
    monkeypatch.chdir(at.directory)
    monkeypatch.setenv("DATABASE_URL", "sqlite:///app.db")
    with pytest.raises(errors.InvalidTargetError) as refused:
        asyncio.run(Migrations(Path("alembic.ini")).upgrade("+4"))
    assert (refused.value.target, refused.value.example) == ("+4", "alembic upgrade head")
    assert str(refused.value).splitlines()[:2] == [
        "+4 is 4 revisions on, and 3 are pending",
        "  where  the database is at no revision",
    ]
