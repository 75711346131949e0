"""What the command line prints of an error: once, unfolded, on standard error; and what it leaves to Alembic."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from support.cases import MODELS, Case
from support.cases import run as run_case
from support.commands import ALEMBIC, keep_variables
from support.project import Project, write_environment, write_files

# A terminal that is too narrow for most lines, and Alembic's own function without this package around it.
STOCK = """
import sys
from alembic.config import CommandLine, main

if sys.argv.pop(1) == "stock":
    CommandLine.run_cmd = CommandLine.run_cmd.__wrapped__
main()
"""
BLOCK = """\
FAILED: no such table: nowhere
  where  revision two, migrations/versions/two.py:13
         op.execute("SELECT 1 FROM nowhere")
  state  rolled back; applied before it in this run: one
"""


def leave_out_log(text: str) -> str:
    """What is on standard error but the progress of the migration."""
    return re.sub(r"^(Database|Running) .*\n", "", text, flags=re.MULTILINE)


@pytest.fixture
def broken(project: Project, sqlite_url: str) -> Project:
    """A project whose second revision fails."""
    write_environment(project.directory, sqlite_url, one="pass", two='op.execute("SELECT 1 FROM nowhere")')
    return project


@pytest.mark.parametrize("options", [(), ("-q",)])
def test_an_error_is_on_standard_error_once(broken: Project, options: tuple[str, ...]) -> None:
    """The error is on standard error once, with `-q` too, and nothing is on standard output."""
    result = broken.alembic(*options, "upgrade", "head", check=False)
    assert (result.returncode, result.stdout) == (255, "")
    assert leave_out_log(result.stderr).startswith(BLOCK), str(result)
    assert result.stderr.count("FAILED:") == result.stderr.count("no such table: nowhere") == 1


def test_a_script_has_no_error_in_it(broken: Project, sqlite_url: str) -> None:
    """What `--sql` writes into a file is SQL."""
    write_environment(broken.directory, sqlite_url, one="op.execute('SELECT 1')", two="sqlmodel.AutoString()")
    result = broken.alembic("upgrade", "head", "--sql", check=False)
    assert result.returncode == 255
    assert "SELECT 1;" in result.stdout
    assert "FAILED" not in result.stdout
    assert "state  the script is not complete, and nothing was run" in result.stderr


def test_raiseerr_raises(broken: Project) -> None:
    """The traceback, from the driver's error to the block."""
    result = broken.alembic("--raiseerr", "upgrade", "head", check=False)
    assert (result.returncode, "FAILED:" in result.output) == (1, False)
    positions = [
        result.stderr.index("sqlite3.OperationalError: no such table: nowhere"),
        result.stderr.index("The above exception was the direct cause"),
        result.stderr.index(f"alembic_async_template.errors.RevisionFailedError: {BLOCK.removeprefix('FAILED: ')}"),
    ]
    assert positions == sorted(positions)


def test_an_error_of_alembic_in_a_revision_has_its_place(broken: Project, sqlite_url: str) -> None:
    """It is told as this package's own are."""
    write_environment(
        broken.directory, sqlite_url, one="raise __import__('alembic').util.CommandError('Run the other tool first')"
    )
    result = broken.alembic("-q", "upgrade", "head", check=False)
    assert (result.returncode, result.stdout) == (255, "")
    assert leave_out_log(result.stderr) == (
        "FAILED: Run the other tool first\n  where  revision one, migrations/versions/one.py:13\n"
        "         raise __import__('alembic').util.CommandError('Run the other tool first')\n"
        "  state  rolled back; applied before it in this run: none\n"
    )


@pytest.mark.parametrize(
    ("env", "arguments"),
    [
        ("raise SystemExit(3)", ("upgrade", "head")),
        ("raise __import__('alembic').util.CommandError('of its own ' * 30)", ("upgrade", "head")),
        ("raise __import__('alembic').util.CommandError('of its own')", ("-q", "upgrade", "head")),
        ("raise __import__('alembic').util.CommandError('of its own')", ("--raiseerr", "upgrade", "head")),
        ("raise RuntimeError('unforeseen')", ("current",)),
        ("", ("show", "nowhere")),
        ("", ("upgrade",)),
    ],
)
def test_what_is_alembics_stays_as_it_is(project: Project, env: str, arguments: tuple[str, ...]) -> None:
    """Its own errors, those of other environments, and unforeseen ones: both streams and the exit status."""
    write_environment(project.directory, "sqlite://", one="pass")
    write_files(project.directory, {"migrations/env.py": env, "run.py": STOCK})
    results = [run(project, kind, *arguments) for kind in ("stock", "ours")]
    assert results[0] == results[1]
    assert results[0][0] != 0


def run(project: Project, kind: str, *arguments: str) -> tuple[int, str, str]:
    """Run `alembic` with or without this package around its command line: exit status and streams, without tracebacks."""
    command = [sys.executable, "run.py", kind, *arguments]
    done = subprocess.run(command, cwd=project.directory, capture_output=True, text=True, env=keep_variables(COLUMNS="60"))
    return done.returncode, done.stdout, re.sub(r'  File ".*?\n(?:    .*\n)*', "", done.stderr)


@pytest.mark.parametrize("template", ["async", "async-fastapi"])
def test_a_command_in_a_running_loop(templates: Path, tmp_path: Path, sqlite_url: str, template: str) -> None:
    """The stock template fails in a running loop, as at an application's start; this one works."""
    project = Project(tmp_path / "project")
    run_case(project, Case("", revisions={"one": "pass"}, command=("history",)), templates / template, make_url(sqlite_url))
    script = (
        "import asyncio\nfrom alembic import command\nfrom alembic.config import Config\n\n"
        "async def main():\n    command.upgrade(Config('alembic.ini'), 'head')\n\nasyncio.run(main())\n"
    )
    project.write({"start.py": script})
    process = project.start(sqlite_url, "start.py", program=sys.executable)
    output = process.communicate()[0]
    refused = "asyncio.run() cannot be called from a running event loop" in output
    assert (process.returncode != 0, refused) == ((True, True) if template == "async" else (False, False)), output


def test_what_alembic_says_in_one_line_has_a_fix(project: Project, sqlite_url: str) -> None:
    """Typed as printed, it works; an upgrade to an older revision says how to go there."""
    write_environment(project.directory, sqlite_url, one="pass", two="pass")
    assert project.alembic("downgrade", "base", "--sql", check=False).block == (
        "A downgrade with --sql does not ask the database where it is\n"
        "  fix    say from where to where:\n         alembic downgrade head:base --sql"
    )
    assert "Running downgrade" in project.alembic("downgrade", "head:base", "--sql").stderr
    one_step = project.alembic("-x", "a=b", "downgrade", "-1", "--sql", check=False).block
    assert one_step.endswith(":\n         alembic -x a=b downgrade head:-1 --sql")
    assert project.alembic("downgrade", "head:-1", "--sql").stderr.count("Running downgrade") == 1
    project.alembic("upgrade", "head")
    assert project.alembic("upgrade", "one").stderr.splitlines()[-1] == (
        "Already at two (head), which is after one; to go back to it: alembic downgrade one"
    )
    for path in project.revisions():
        path.unlink()
    assert project.alembic("downgrade", "-1", check=False).block == (
        "The database is at revision two, and there are no files of revisions\n"
        "  fix    get them back, if they were deleted or are on another branch:\n"
        "         git log --diff-filter=D --summary\n"
        "  or     if the tables are to stay and a new history begins:\n         alembic stamp --purge base"
    )
    project.alembic("stamp", "--purge", "base")


def test_a_database_that_was_only_stamped(project: Project, database_url: str) -> None:
    """It has no table of the models: the revisions are to be run, and none is to be written."""
    project.environment["DATABASE_URL"] = database_url
    project.write({"app/__init__.py": "", "app/models.py": MODELS})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("revision", "--autogenerate", "-m", "one")
    project.alembic("stamp", "head")
    advice, _, lines = project.alembic("check", check=False).block.partition("  fix    ")[2].partition(":\n")
    assert advice == "if the database counts revisions as done that have never run there, run them"
    typed = [line.strip() for line in lines.splitlines()[:2]]
    assert typed == ["alembic stamp base", "alembic upgrade head"]
    for line in typed:
        project.alembic(*line.split()[1:])
    project.alembic("check")
    project.write({"app/more.py": MODELS.replace("Post", "More").replace('"post"', '"more"')})
    assert "stamp" not in project.alembic("check", check=False).block  # a new table, which no revision creates


def test_settings_that_are_somewhere_else_or_cannot_be_read(project: Project, sqlite_url: str) -> None:
    """In place of Alembic's own line, or of a traceback: what is there, and the command that works."""
    project.environment["DATABASE_URL"] = sqlite_url
    project.write({"backend/app/models.py": "", "backend/app/__init__.py": ""})
    backend = project.directory / "backend"
    project.alembic("init", "-t", "async-fastapi", "migrations", cwd=backend)
    assert project.alembic("current", check=False).block == (
        f"There is no alembic.ini in {project.directory}; there is backend/alembic.ini\n"
        "  fix    name it:\n         alembic -c backend/alembic.ini current"
    )
    project.alembic("-c", "backend/alembic.ini", "current")
    assert "alembic -c backend/alembic.ini upgrade head" in project.alembic("upgrade", "head", check=False).block
    for options, block in (
        (
            ("-n", "bilin"),
            "alembic.ini has no section [bilin]; it has [alembic]\n  where  alembic.ini\n"
            "  fix    name one of them:\n         alembic -n alembic current",
        ),
        (
            ("-n", "alembc"),
            "alembic.ini has no section [alembc]; it has [alembic]\n  where  alembic.ini\n"
            "  fix    take the one that is nearly called so:\n         alembic -n alembic current",
        ),
        (
            ("-c", "no.ini"),
            "There is no file no.ini\n  fix    name the one that is there:\n         alembic -c alembic.ini current",
        ),
    ):
        assert project.alembic(*options, "current", cwd=backend, check=False).block == block
    ini = backend / "alembic.ini"
    text = ini.read_text()
    ini.write_text(f"{text}\nscript_location\n")
    line = text.count("\n") + 2
    assert project.alembic("current", cwd=backend, check=False).block == (
        "alembic.ini cannot be read: Source contains parsing errors: alembic.ini\n"
        f"  where  alembic.ini:{line}\n  fix    correct line {line}"
    )
    ini.write_text(text)
    (backend / "pyproject.toml").write_text("[tool\n")
    result = project.alembic("current", cwd=backend, check=False)
    assert "pyproject.toml cannot be read: " in result.block
    assert "  where  pyproject.toml:1\n  fix    correct line 1" in result.block


def test_an_ini_that_is_not_there_while_another_one_is(project: Project, sqlite_url: str) -> None:
    """The one beside it is named first; an ini of another tool is none."""
    project.environment["DATABASE_URL"] = sqlite_url
    project.write({"backend/app/__init__.py": "", "pytest.ini": "[pytest]\n", "backend/a.ini": "[a]\n"})
    project.alembic("init", "-t", "async-fastapi", "migrations", cwd=project.directory / "backend")
    for wanted in ("backend/missing.ini", "missing.ini", "backend/migrations/alembic.ini"):
        assert project.alembic("-c", wanted, "history", "-v", check=False).block == (
            f"There is no file {wanted}\n  fix    name the one that is there:\n         alembic -c backend/alembic.ini history -v"
        )
    project.alembic("-c", "backend/alembic.ini", "history", "-v")
    (project.directory / "backend/alembic.ini").rename(project.directory / "backend/own.ini")
    assert "alembic -c backend/own.ini" in project.alembic("-c", "backend/missing.ini", "current", check=False).block


@pytest.mark.parametrize("command", ["current", "upgrade head", "history", "revision -m x", "check", "status", "stamp head"])
def test_a_folder_that_is_not_there(project: Project, sqlite_url: str, command: str) -> None:
    """It has another name, git has it, or it was never made: each line works."""
    project.environment["DATABASE_URL"] = sqlite_url
    project.write({"backend/app/__init__.py": "", "backend/app/models.py": MODELS})
    backend = project.directory / "backend"
    project.alembic("init", "-t", "async-fastapi", "migrations", cwd=backend)
    line = next(
        number for number, text in enumerate((backend / "alembic.ini").read_text().splitlines(), 1) if "script_loc" in text
    )
    head = f"script_location = %(here)s/migrations leads to no folder\n  where  backend/alembic.ini:{line}\n  fix    "

    def see() -> str:
        return project.alembic("-c", "backend/alembic.ini", *command.split(), check=False).block

    (backend / "migrations").rename(backend / "alembic")
    assert see() == f"{head}name the one that is there:\n         script_location = %(here)s/alembic"
    for step in ("init -q .", "add backend/alembic", "-c user.name=a -c user.email=a@b commit -qm one"):
        subprocess.run(["git", *step.split()], cwd=project.directory, check=True)
    (backend / "alembic").rename(project.directory / "moved")
    assert see() == f"{head}make one:\n         alembic -c backend/alembic.ini init -t async-fastapi backend/migrations"
    ini = backend / "alembic.ini"
    ini.write_text(ini.read_text().replace("%(here)s/migrations", "%(here)s/alembic"))
    restore = see().splitlines()[-2:]
    assert restore == ["  fix    restore it from version control:", "         git checkout HEAD -- backend/alembic"]
    subprocess.run(restore[-1].split(), cwd=project.directory, check=True)
    project.alembic("-c", "backend/alembic.ini", "history")
    ini.write_text(ini.read_text().replace("%(here)s/alembic", "%(here)s/migrations"))
    (backend / "alembic").rename(project.directory / "away")
    project.alembic(*see().splitlines()[-1].split()[1:])
    project.alembic("-c", "backend/alembic.ini", "history")


def test_an_environment_of_another_package_keeps_alembics_words(project: Project) -> None:
    """Its ini names no setting of this package."""
    project.write({"alembic.ini": "[alembic]\nsqlalchemy.url = sqlite://\n"})
    assert project.alembic("current", check=False).stdout == "FAILED: No 'script_location' key found in configuration.\n"
    project.write({"alembic.ini": "[alembic]\nscript_location = migrations\n"})
    assert project.alembic("current", check=False).stdout.startswith("FAILED: Path doesn't exist: ")
    project.write({"alembic.ini": "[alembic\n"})
    assert "Traceback" in project.alembic("current", check=False).stderr


def test_what_a_revision_raises_itself_is_a_block(project: Project, sqlite_url: str) -> None:
    """Without the hundred lines of Alembic and of drivers; what a function raises that it calls keeps its traceback."""
    write_environment(project.directory, sqlite_url, one=("pass", "raise NotImplementedError"), two="int('one')", three="pass")
    project.alembic("upgrade", "one")
    path = project.directory / "migrations/versions/one.py"
    assert project.alembic("downgrade", "-1", check=False).block == (
        "NotImplementedError\n"
        f"  where  downgrade of revision one, migrations/versions/one.py:{path.read_text().splitlines().index('    raise NotImplementedError') + 1}\n"
        "         raise NotImplementedError\n"
        "  state  rolled back; downgraded before it in this run: none\n"
        "  see    all of the error:\n         alembic --raiseerr downgrade -1"
    )
    assert "Traceback" in project.alembic("upgrade", "head", check=False).stderr


@pytest.mark.parametrize(
    ("body", "headline"),
    [
        ('op.execute("SELECT 1 FROM post WHERE abs(-9223372036854775808) = 1")', "integer overflow"),
        ('op.create_table("post", sa.Column("a", sa.types.NullType()))', "CompileError: "),
    ],
)
def test_an_unknown_error_of_a_statement_is_a_block(project: Project, sqlite_url: str, body: str, headline: str) -> None:
    """Without the hundred lines of SQLAlchemy and the driver."""
    write_environment(project.directory, sqlite_url, one="op.execute('CREATE TABLE post AS SELECT 1')", two=body)
    result = project.alembic("upgrade", "head", check=False)
    assert result.block.startswith(headline), str(result)
    assert "Traceback" not in result.output
    assert (
        f"\n         {body}\n  state  rolled back; applied before it in this run: one\n"
        "  fix    correct the statement, or what it meets in the database, and run the same command again\n"
        "  see    all of the error:\n         alembic --raiseerr upgrade head"
    ) in result.block


def test_the_reader_of_a_script_may_end(project: Project, sqlite_url: str) -> None:
    """As in `alembic upgrade head --sql | head -1`: no traceback."""
    write_environment(project.directory, sqlite_url, **{f"r{n}": f"op.execute('SELECT {'1 + ' * 900}1')" for n in range(40)})
    command = f"'{ALEMBIC}' upgrade head --sql | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=project.directory, env=keep_variables(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (141, "BEGIN;\n"), done.stderr
    assert "BrokenPipe" not in done.stderr


def test_run_async_with_a_coroutine(project: Project, sqlite_url: str) -> None:
    """It takes the function; Python does not warn of the coroutine as well."""
    body = "async def fill(connection, n):\n        pass\n    op.run_async(fill(op.get_bind(), 1))"
    write_environment(project.directory, sqlite_url, one=body)
    result = project.alembic("upgrade", "head", check=False)
    assert "op.run_async was given a coroutine" in result.block, str(result)
    assert result.block.endswith("         op.run_async(fill, op.get_bind(), 1)")
    assert "RuntimeWarning" not in result.stderr


def test_asyncio_run_in_a_revision(project: Project, sqlite_url: str) -> None:
    """Its own line is shown as it works; Python does not warn of the coroutine as well."""
    body = "import asyncio\n    async def fill(connection, n):\n        return n\n    two = asyncio.run(fill(op.get_bind(), 2))"
    write_environment(project.directory, sqlite_url, one=body)
    result = project.alembic("upgrade", "head", check=False)
    assert (
        "let the revision wait in it for the coroutine:\n         two = op.run_async(lambda connection: fill(connection, 2))"
        in result.block
    )
    assert "RuntimeWarning" not in result.stderr, str(result)
