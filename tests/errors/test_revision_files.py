"""Files of revisions that make no history: which one it is, at each command, and what to write there."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from support.project import Project, write_environment

COMMANDS = ("current", "upgrade head", "history", "heads", "revision -m x", "check", "status", "stamp head")


@pytest.fixture
def history(project: Project) -> Project:
    """A project with three revisions."""
    write_environment(project.directory, "sqlite:///app.db", one="pass", two="pass", three="pass")
    project.write({"models.py": "import sqlalchemy as sa\n\ntable = sa.Table('t', sa.MetaData())\n"})
    return project


def edit(project: Project, name: str, old: str, new: str) -> None:
    path = project.directory / f"migrations/versions/{name}.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("command", COMMANDS[::3])
def test_a_revision_that_no_file_has(history: Project, command: str) -> None:
    """The line that names it is shown, and Alembic's own warning is not."""
    history.environment.clear()  # warnings are shown, as they are for everyone
    (history.directory / "migrations/versions/two.py").unlink()
    result = history.alembic(*command.split(), check=False)
    assert result.block.startswith(
        "A revision follows two, which no file has\n"
        "  where  migrations/versions/three.py:9\n         down_revision = 'two'\n"
        "  state  nothing was changed\n"
        "  fix    get the file of two back, or name another revision before it:\n"
        "         git log --diff-filter=D --summary -- migrations/versions"
    ), str(result)
    assert "Warning" not in result.output
    edit(history, "three", "'two'", "'one'  # and not the one that is gone")
    assert history.alembic("heads").stdout == "three (head)\n"


def test_a_merge_of_a_revision_that_no_file_has(history: Project) -> None:
    """It may be one of several, or what another revision depends on; with `--raiseerr` all is shown."""
    history.environment.clear()
    edit(history, "three", "down_revision = 'two'", "down_revision = ('two', 'gone')")
    assert "three.py:9\n         down_revision = ('two', 'gone')\n" in history.alembic("history", check=False).block
    assert "UserWarning: Revision gone" in history.alembic("--raiseerr", "history", check=False).stderr
    edit(history, "three", "down_revision = ('two', 'gone')", "down_revision = 'two'\ndepends_on = 'away'")
    assert "away" in history.alembic("history", check=False).block


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_without_a_revision(history: Project, command: str) -> None:
    """It is named, and each of both ways works."""
    history.write({"migrations/versions/lost.py": '"""lost\n\nRevision ID: 4f2a\nRevises: three\n"""\n\ndef upgrade(): pass\n'})
    result = history.alembic(*command.split(), check=False)
    assert result.block == (
        "lost.py is in a folder of revisions, and sets no revision\n"
        "  where  migrations/versions/lost.py:1\n"
        "  state  nothing was changed\n"
        "  fix    if it is one, give it its identifier and the one before it:\n"
        '         revision = "4f2a"\n         down_revision = "three"\n'
        "  or     if it is none, move it out of that folder:\n"
        "         mv migrations/versions/lost.py migrations/"
    ), str(result)
    lines = [line.strip() for line in result.block.splitlines()]
    path = history.directory / "migrations/versions/lost.py"
    text = path.read_text()
    path.write_text("\n".join([text, *lines[4:6]]) + "\n")
    assert history.alembic("heads").stdout == "4f2a (head)\n"
    path.write_text(text)
    subprocess.run(shlex.split(lines[-1]), cwd=history.directory, check=True)
    assert history.alembic("heads").stdout == "three (head)\n"


def test_a_module_among_the_revisions(history: Project) -> None:
    """Without Alembic's docstring the last revision is the one before it."""
    history.write({"migrations/versions/tools.py": "X = 1\n"})
    block = history.alembic("history", check=False).block
    assert '         revision = "5b3c"\n         down_revision = "three"\n' in block


@pytest.mark.parametrize("command", COMMANDS)
def test_revisions_in_a_circle(history: Project, command: str) -> None:
    """In place of a traceback, the lines of which one is wrong."""
    edit(history, "one", "down_revision = None", "down_revision = 'three'")
    result = history.alembic(*command.split(), check=False)
    assert result.block == (
        "Each of the revisions one, three, two follows another one of them\n"
        "  where  migrations/versions/one.py:9\n         down_revision = 'three'\n"
        "         migrations/versions/three.py:9\n         down_revision = 'two'\n"
        "         migrations/versions/two.py:9\n         down_revision = 'one'\n"
        "  state  nothing was changed\n"
        "  fix    name the revision that really comes before, in one of them; the first one of all follows none:\n"
        "         down_revision = None"
    ), str(result)
    edit(history, "one", "down_revision = 'three'", "down_revision = None")
    assert history.alembic("heads").stdout == "three (head)\n"


def test_a_revision_that_follows_itself(history: Project) -> None:
    """It is a circle too."""
    edit(history, "two", "down_revision = 'one'", "down_revision = 'two'")
    assert history.alembic("upgrade", "head", check=False).block.startswith(
        "Revision two follows itself\n  where  migrations/versions/two.py:9\n         down_revision = 'two'\n"
    )


def test_a_copy_that_makes_a_circle(history: Project) -> None:
    """It is told of the copy."""
    history.environment.clear()
    text = (history.directory / "migrations/versions/one.py").read_text()
    history.write({"migrations/versions/zero.py": text.replace("down_revision = None", "down_revision = 'three'")})
    assert history.alembic("upgrade", "head", check=False).block == (
        "Several files have the revision one: one is probably a copy\n"
        "  where  migrations/versions/one.py\n         migrations/versions/zero.py\n"
        "  fix    if the copy is a revision of its own, change these lines in it:\n"
        '         revision = "5b3c"\n         down_revision = "one"\n'
        "  or     if it is left over, remove it"
    )
    edit(history, "zero", "revision = 'one'", 'revision = "5b3c"')
    assert history.alembic("heads").stdout == "5b3c (head)\n"
