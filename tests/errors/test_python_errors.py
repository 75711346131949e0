"""Errors of Python in a revision: a block with file and line, for commands that run revisions and for those that only read them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from alembic_async_template import Migrations
from alembic_async_template.errors import RevisionFailedError
from support.project import ENV, Project, write_environment, write_files

ROLLED_BACK = "rolled back; applied before it in this run: none"

# The source that is broken, what stands there instead, and the block: where, state and fix.
READ = {
    "a bracket that is not closed": (
        "def upgrade():",
        "def upgrade(:",
        "SyntaxError: invalid syntax\n  where  migrations/versions/one.py:12\n         def upgrade(:\n  state  nothing was changed\n"
        "  fix    correct line 12 of migrations/versions/one.py, and let Python read it:\n"
        '         python -m py_compile "migrations/versions/one.py"\n',
    ),
    "an indentation": (
        "    pass\n\n\ndef downgrade",
        "      pass\n    pass\n\n\ndef downgrade",
        "IndentationError: unindent does not match any outer indentation level\n  where  migrations/versions/one.py:14\n"
        "         pass\n  state  nothing was changed\n"
        "  fix    correct line 14 of migrations/versions/one.py, and let Python read it:\n"
        '         python -m py_compile "migrations/versions/one.py"\n',
    ),
    "a module that is not there": (
        "import time",
        "import nowhere_at_all",
        "No module named 'nowhere_at_all'\n  where  migrations/versions/one.py:2\n         import nowhere_at_all\n"
        "  state  nothing was changed\n  fix    if a part of the project has it, name the folder:\n"
        "         prepend_sys_path = %(here)s/src\n  or     if it is another package, install it:\n"
        "         pip install nowhere_at_all\n",
    ),
    "a name that a module does not have": (
        "import time",
        "from time import sleeep",
        "cannot import name 'sleeep' from 'time'\n  where  migrations/versions/one.py:2\n         from time import sleeep\n"
        "  state  nothing was changed\n  fix    import what is meant:\n         from time import sleep\n"
        "  or     if the application has changed: write what the revision needs into it, and leave the import out\n",
    ),
    "a name at the top": (
        "down_revision = None",
        "down_revision = Nome",
        "name 'Nome' is not defined\n  where  migrations/versions/one.py:9\n         down_revision = Nome\n"
        "  state  nothing was changed\n  fix    write None, if that is meant:\n         down_revision = None\n",
    ),
}
RUN = {
    "an operation": (
        'op.ad_column("post", sa.Column("x", sa.Integer))',
        "module 'alembic.op' has no attribute 'ad_column'",
        "write op.add_column, if that is meant",
        'op.add_column("post", sa.Column("x", sa.Integer))',
    ),
    "a directive of this package": (
        'op.remove_enum_vale("status", "draft")',
        "module 'alembic.op' has no attribute 'remove_enum_vale'",
        "write op.remove_enum_value, if that is meant",
        'op.remove_enum_value("status", "draft")',
    ),
    "a type": (
        "sa.Colum()",
        "module 'sqlalchemy' has no attribute 'Colum'",
        "write sa.Column, if that is meant",
        "sa.Column()",
    ),
    "nothing that is near": (
        "op.frobnicate()",
        "module 'alembic.op' has no attribute 'frobnicate'",
        "see what it has",
        "python -m pydoc alembic.op",
    ),
    "a name": (
        'opp.execute("SELECT 1")',
        "name 'opp' is not defined",
        "write op, if that is meant",
        'op.execute("SELECT 1")',
    ),
    "a method of an object": (
        "op.get_bind().exec_driver_sq('SELECT 1')",
        "'Connection' object has no attribute 'exec_driver_sq'",
        "write exec_driver_sql, if that is meant",
        "op.get_bind().exec_driver_sql('SELECT 1')",
    ),
    "a name beside a secret": (
        "opp.execute(\"ALTER ROLE app PASSWORD 'zq7secret'\")",
        "name 'opp' is not defined",
        "write op, if that is meant",
        "op",
    ),
}


@pytest.mark.parametrize("command", [("upgrade", "head"), ("history",), ("heads",), ("-q", "show", "one")], ids=" ".join)
@pytest.mark.parametrize("name", READ)
def test_a_revision_that_cannot_be_read(project: Project, sqlite_url: str, name: str, command: tuple[str, ...]) -> None:
    """The block stands alone: no traceback, and nothing on the standard output."""
    old, new, block = READ[name]
    write_environment(project.directory, sqlite_url, one="pass")
    file = project.directory / "migrations/versions/one.py"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    result = project.alembic(*command, check=False)
    assert (result.returncode, result.stdout) == (255, ""), str(result)
    assert result.stderr.partition("FAILED: ")[2] == block


@pytest.mark.parametrize("name", RUN)
def test_a_revision_that_names_what_is_not_there(project: Project, sqlite_url: str, name: str) -> None:
    """What is near is proposed, as the whole line to type, unless that would show a secret."""
    line, problem, advice, example = RUN[name]
    write_environment(project.directory, sqlite_url, one=line)
    result = project.alembic("upgrade", "head", check=False)
    shown = "opp.execute(***)" if "secret" in line else line
    assert result.returncode == 255
    assert result.block.startswith(f"{problem}\n  where  revision one, migrations/versions/one.py:13\n         {shown}"), str(
        result
    )
    assert result.block.endswith(f"\n  state  {ROLLED_BACK}\n  fix    {advice}:\n         {example}")
    assert "zq7secret" not in result.output


def test_the_example_is_what_works(project: Project, sqlite_url: str) -> None:
    """The line of the block, in place of the one that failed, runs."""
    write_environment(project.directory, sqlite_url, one='op.excute("CREATE TABLE post (id integer)")')
    block = project.alembic("upgrade", "head", check=False).block
    write_environment(project.directory, sqlite_url, one=block.splitlines()[-1].strip())
    project.alembic("upgrade", "head")


def test_a_module_of_the_application_that_cannot_be_read(project: Project, sqlite_url: str) -> None:
    """The revision's import is where it failed, and the fix names the other file."""
    write_environment(project.directory, sqlite_url, one="import broken")
    write_files(project.directory, {"broken.py": "x = (\n"})
    result = project.alembic("upgrade", "head", check=False)
    assert result.block == (
        "SyntaxError: '(' was never closed\n  where  revision one, migrations/versions/one.py:13\n         import broken\n"
        f"  state  {ROLLED_BACK}\n  fix    correct line 1 of broken.py, and let Python read it:\n"
        '         python -m py_compile "broken.py"'
    )


def test_code_gets_the_same_error(project: Project, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`heads` reads the revisions without `env.py`, `upgrade` with it."""
    monkeypatch.chdir(project.directory)
    old, new, block = READ["a bracket that is not closed"]
    write_environment(project.directory, sqlite_url, one="pass")
    file = project.directory / "migrations/versions/one.py"
    file.write_text(file.read_text().replace(old, new))
    migrations = Migrations(project.directory / "alembic.ini")
    for call in (migrations.heads, migrations.upgrade, migrations.pending):
        with pytest.raises(RevisionFailedError) as error:
            asyncio.run(call())
        assert f"{error.value}\n" == block
        assert isinstance(error.value.__context__, SyntaxError)


def test_a_name_that_is_there_is_not_proposed(project: Project, sqlite_url: str) -> None:
    """A property whose own code fails: nothing is said that does not help."""
    body = (
        "class Odd:\n        names = ()\n\n        @property\n        def name(self):\n            return op.name\n    Odd().name"
    )
    write_environment(project.directory, sqlite_url, one=body)
    assert "python -m pydoc alembic.op" in project.alembic("upgrade", "head", check=False).block
    body = body.replace("return op.name", 'raise AttributeError("no", name="name", obj=self)')
    write_environment(project.directory, sqlite_url, one=body)
    result = project.alembic("upgrade", "head", check=False)
    assert "FAILED: AttributeError: no\n" in result.stderr
    assert "if that is meant" not in result.stderr


@pytest.mark.parametrize(
    ("line", "headline"),
    [
        ('op.add_enum_value("status", "x", befor="y")', "TypeError: "),
        ('op.drop_enum("role")', "TypeError: "),
        ('op.add_column("post", "x", sa.Integer())', "TypeError: "),
        ('op.bulk_insert("post", [{"id": 1}])', "AttributeError: "),
    ],
)
def test_a_call_that_does_not_fit_is_a_block(project: Project, sqlite_url: str, line: str, headline: str) -> None:
    """Without the hundred lines of Alembic and SQLAlchemy; the place is the revision's."""
    write_environment(project.directory, sqlite_url, one=line)
    result = project.alembic("upgrade", "head", check=False)
    assert result.block.startswith(headline), str(result)
    where = result.block.partition("  where  ")[2].splitlines()
    assert where[0].startswith("revision one, migrations/versions/one.py:")
    assert where[1].strip() == line
    assert "alembic --raiseerr upgrade head" in result.block
    assert "Traceback" not in result.output


@pytest.mark.parametrize("env", [ENV, "from alembic import context\n"], ids=["ours", "another"])
def test_other_errors_keep_their_traceback(project: Project, sqlite_url: str, env: str) -> None:
    """An unknown error is Python's to print; so is every error in an environment of another template."""
    write_environment(project.directory, sqlite_url, one="pass")
    file: Path = project.directory / "migrations/versions/one.py"
    text = file.read_text()
    for line in ("1 / 0", "import nowhere_at_all"):
        file.write_text(f"{text}\n{line}\n")
        write_files(project.directory, {"migrations/env.py": env})
        result = project.alembic("history", check=False)
        is_block = env == ENV and line != "1 / 0"
        assert ("Traceback" in result.stderr, "FAILED" in result.output) == (not is_block, is_block), str(result)
        assert result.stderr.count("  where  ") == (env == ENV)
