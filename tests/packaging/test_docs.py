"""The examples of README.md and docs/ run, their links lead somewhere, and the reference pages are complete.

A page is played from top to bottom in a project of its own. In it
- a ``console`` block is typed: `$` starts a command, the lines after it must be in what it prints, in that order; `...`
  stands for anything, a command may fail only where the block shows `FAILED:`, and nothing is installed;
- a ``python`` block whose first line is a comment with a path is written to that file; one that starts with
  `def upgrade` replaces the functions of the newest revision; any other must compile;
- an ``ini`` block is put into the [alembic] section of alembic.ini;
- `<!-- new project -->` starts over, and the block after `<!-- not run -->` is for the reader only.
"""

import inspect
import os
import re
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent

import pytest

from alembic_async_template import errors
from alembic_async_template.application import settings
from alembic_async_template.diagnosis.rules.application import APPLICATION_RULES
from alembic_async_template.diagnosis.rules.connection import CONNECTION_RULES
from alembic_async_template.diagnosis.rules.revision import REVISION_RULES
from support.servers import PSQL, create_postgresql_database

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
TITLES = [os.fspath(page.relative_to(ROOT)) for page in PAGES]
# What pages name as a PostgreSQL database; the tests' own stands in for it.
POSTGRESQL_URL = "postgresql://app:s%40cret@localhost/app"
PART = re.compile(
    r"<!-- (?P<note>new project|not run)\b.*?-->|^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
MODELS = """from enum import StrEnum

from sqlmodel import Field, SQLModel


class Status(StrEnum):
    draft = "draft"
    published = "published"


class Post(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str
    status: Status = Status.draft
"""


class Reader:
    """A reader who types what a page shows."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.state = folder / ".state"
        self.database_url = database_url
        self.projects = 0
        with socket.create_server(("127.0.0.1", 0)) as unused:
            self.port = unused.getsockname()[1]

    def new_project(self) -> None:
        """An application with one table and an SQLite database, in an empty folder."""
        self.projects += 1
        project = self.folder / f"project{self.projects}"
        (project / "app").mkdir(parents=True)
        (project / "app" / "models.py").write_text(MODELS)
        self.state.write_text(f"export DATABASE_URL=sqlite:///app.db\ncd {project}\n")

    @property
    def directory(self) -> Path:
        """Where the last command left the reader."""
        return Path(self.state.read_text().rpartition("\ncd ")[2].strip())

    def play(self, text: str) -> None:
        skipped = False
        for part in PART.finditer(text):
            if part["note"] == "new project":
                self.new_project()
            elif part["note"] is None and not skipped:
                getattr(self, f"play_{part['language']}", lambda _text: None)(dedent(part["text"]))
            skipped = part["note"] == "not run"

    def play_console(self, text: str) -> None:
        for entry in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, expected = entry.partition("\n")
            if command.startswith(("pip install", "python3 -m venv", "source ")):
                continue
            output = self.type(command, may_fail="FAILED:" in expected)
            position = 0
            for line in filter(None, map(str.strip, expected.splitlines())):
                pattern = r".*?".join(re.escape(" ".join(part.split())) for part in re.split(r" ?\.\.\. ?", line))
                found = re.compile(pattern).search(output, position)
                assert found, f"{command}\nprints no {line!r} after character {position} of:\n{output}"
                position = found.end()

    def type(self, command: str, *, may_fail: bool) -> str:
        command = command.replace(POSTGRESQL_URL, f"'{self.database_url}'")
        command = re.sub(r"(127\.0\.0\.1:|--port )8000\b", rf"\g<1>{self.port}", command)
        script = f"source {self.state}; {command}\nstatus=$?; (export -p; echo cd $PWD) >{self.state}; exit $status"
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}{os.pathsep}{PSQL.parent}",
            "PYTHONUNBUFFERED": "1",
        }
        result = subprocess.run(
            ["bash", "-c", script],
            env=environment,
            text=True,
            cwd=self.folder,
            timeout=120,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert may_fail or result.returncode == 0, f"{command}\n{result.stdout}"
        return " ".join(result.stdout.split())

    def play_python(self, text: str) -> None:
        compile(text, "a block", "exec")
        if found := re.match(r"# (\S+\.py)$", text.partition("\n")[0]):
            path = self.directory / found[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif text.startswith("def upgrade"):
            newest = max((self.directory / "migrations" / "versions").glob("*.py"), key=lambda path: path.stat().st_mtime_ns)
            newest.write_text(newest.read_text().partition("def upgrade")[0] + text)

    def play_ini(self, text: str) -> None:
        ini = self.directory / "alembic.ini"
        lines = ini.read_text()
        for name, value in re.findall(r"^([\w.]+) *= *(.*)$", text, re.MULTILINE):
            lines = re.sub(rf"^{re.escape(name)} *=.*\n", "", lines, flags=re.MULTILINE)
            lines = lines.replace("[alembic]\n", f"[alembic]\n{name} = {value}\n", 1)
        ini.write_text(lines)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=TITLES)
def test_the_examples_of_a_page_work(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Played in order, every command prints what the page shows."""
    text = page.read_text()
    with ExitStack() as databases:
        database_url = ""
        if POSTGRESQL_URL in text:
            server = request.getfixturevalue("embedded_postgresql")
            database_url = databases.enter_context(create_postgresql_database(server))
        reader = Reader(tmp_path, database_url)
        reader.new_project()
        reader.play(text)


@pytest.mark.parametrize("page", PAGES, ids=TITLES)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    """Relative links name files that are there, and headings that they have."""
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), target
        headings = re.findall(r"^#+ (.*)$", path.read_text() if anchor else "", re.MULTILINE)
        assert not anchor or anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}, (
            target
        )


def test_the_reference_has_every_fix() -> None:
    """The tables say what the messages say, no more and no less."""
    text = (ROOT / "docs/reference/errors.md").read_text()
    rows = re.findall(r"^\| `(.*)` \| (.*) \|$", text, re.MULTILINE)
    rules = [*APPLICATION_RULES, *CONNECTION_RULES, *REVISION_RULES]
    told = [rule.explain("", {}).fixes for rule in rules]
    cells = ["<br>".join(f"{fix.advice}: `{fix.example}`".replace("\n", "`<br>`") for fix in fixes) for fixes in told]
    assert rows == [(rule.error, cell) for rule, cell in zip(rules, cells, strict=True)]


def test_every_error_and_every_setting_is_in_the_reference() -> None:
    """A heading for each public error class, a row for each setting that is read."""
    text = (ROOT / "docs/reference/errors.md").read_text()
    assert sorted(re.findall(r"^#+ `(\w+)`$", text, re.MULTILINE)) == sorted(errors.__all__)
    read = set(re.findall(r'read_setting\(config, "([\w.]+)"\)', inspect.getsource(settings)))
    assert read | {"prepend_sys_path"} <= set(
        re.findall(r"^\| `([\w.]+)` \|", (ROOT / "docs/reference/settings.md").read_text(), re.MULTILINE)
    )
