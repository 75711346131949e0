"""Errors of what surrounds a project: names of settings and templates, files that are not there or that nothing reads."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alembic_async_template import Migrations, errors
from support.cases import MODELS
from support.commands import ALEMBIC, keep_variables
from support.project import Project, write_environment


@pytest.mark.parametrize(
    ("line", "correction"),
    [
        ("app_model = app", "app_models = app"),
        ("app-engine = app.db:engine", "app_engine = app.db:engine"),
        ("lock_timeot = 1min", "lock_timeout = 1min"),
        ("lock_retrys = 9", "lock_retries = 9"),
        ("database_env_url = URL", None),
        ("database_url = sqlite://", None),
        ("blocking_rows = 5", None),
        ("sqlalchemy.pool_size = 5", None),
        ("timezone = UTC", None),
        ("lockfile = x", None),
    ],
)
def test_a_misspelt_setting_is_named(tmp_path: Path, sqlite_url: str, line: str, correction: str | None) -> None:
    """What it says would be ignored; the example, typed in its place, works, and settings of others are none."""
    write_environment(tmp_path, sqlite_url, one="pass")
    ini = tmp_path / "alembic.ini"
    text = ini.read_text()
    ini.write_text(f"{text}{line}\n")
    if correction is None:
        asyncio.run(Migrations(ini).upgrade())
        return
    with pytest.raises(errors.SettingError) as refused:
        asyncio.run(Migrations(ini).upgrade())
    name, _, value = line.partition(" = ")
    assert str(refused.value) == (
        f'{name}: "{value}" is not read, since there is no such setting\n  where  section [alembic] of alembic.ini\n'
        f"  fix    correct the name:\n         {correction}"
    )
    ini.write_text(f"{text}{correction.replace('app.db:engine', '').replace('= app', '=')}\n")
    asyncio.run(Migrations(ini).upgrade())


def test_a_misspelt_setting_of_pyproject(tmp_path: Path, sqlite_url: str) -> None:
    """`[tool.alembic]` is read too."""
    write_environment(tmp_path, sqlite_url, one="pass")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.alembic]\nscript_location = "%(here)s/migrations"\napp_model = ["app", "x"]\n'
    )
    with pytest.raises(errors.SettingError, match=r"\n         app_models = app, x$"):
        asyncio.run(Migrations(tmp_path / "alembic.ini").upgrade())


@pytest.mark.parametrize("template", ["fastapi", "async_fastapi", "async-fast-api", "asyncfastapi", "async-fastpi"])
def test_a_misspelt_template_is_named(project: Project, template: str) -> None:
    """The command to type is one of the errors; other names stay Alembic's."""
    result = project.alembic("init", "-t", template, "my migrations", check=False)
    assert (result.returncode, result.block) == (
        255,
        f"There is no template {template}\n  fix    correct the name:\n         alembic init -t async-fastapi 'my migrations'",
    )
    type_in(project.directory, result.block.splitlines()[-1])
    assert (project.directory / "my migrations/env.py").exists()


@pytest.mark.parametrize("template", ["generic", "async", "flask", "nowhere"])
def test_templates_of_alembic_stay_as_they_are(project: Project, template: str) -> None:
    """Alembic's own templates, and its own words for a name that is none."""
    result = project.alembic("init", "-t", template, "migrations", check=False)
    assert (result.returncode == 0) == (template in {"generic", "async"})
    assert "There is no template" not in result.output


def type_in(directory: Path, command: str, **variables: str) -> str:
    """Run a command, as a person who types it; what it prints."""
    path = f"{ALEMBIC.parent}{os.pathsep}{os.environ['PATH']}"
    environment = keep_variables() | {"PATH": path} | variables
    done = subprocess.run(["bash", "-c", command], cwd=directory, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_an_empty_folder_is_not_told_to_autogenerate(project: Project) -> None:
    """Without tables there is nothing to write, and without a URL nothing to compare with; each step typed, the last one works."""
    output = project.alembic("init", "-t", "async-fastapi", "migrations").output
    assert output.rstrip().endswith(
        'Next: define tables, set DATABASE_URL, then alembic revision --autogenerate -m "create tables"'
    )
    project.write({"models.py": MODELS})
    command = output.rstrip().rpartition(", then ")[2]
    type_in(project.directory, command, DATABASE_URL="sqlite:///app.db")


@pytest.mark.parametrize(
    "line",
    [
        "DATABASE_URL=sqlite:///a.db?timeout=5",
        "DATABASE_URL='sqlite:///a.db'",
        'DATABASE_URL="sqlite:///a.db?timeout=5&cached_statements=9"',
        "export DATABASE_URL=sqlite:///a.db",
        "NAME=a\nDATABASE_URL=sqlite:///$NAME.db",
        "DATABASE_URL = 'sqlite:///a.db'",
        '  export  DATABASE_URL =  "sqlite:///a.db"  ',
        "DATABASE_URL = sqlite:///a.db",
        "DATABASE_URL=sqlite:///a.db?timeout=5&cached_statements=9",
    ],
)
def test_a_url_that_is_only_in_a_dotenv(project: Project, line: str) -> None:
    """It is said where it is and how to read it, and what is said works; nothing is read by itself."""
    write_environment(project.directory, "", one="pass")
    ini = project.directory / "alembic.ini"
    ini.write_text(ini.read_text().replace("sqlalchemy.url = \n", ""))
    project.write({".env": f"SECRET_KEY=a\n{line}\n"})
    block = project.alembic("upgrade", "head", check=False).block
    advice = f"  fix    {project.directory}/.env has it, and nothing reads that file here: read it first:\n"
    assert advice in block
    command = block.partition(advice)[2].splitlines()[0].strip()
    type_in(project.directory, f"{command}\nalembic upgrade head")
    assert (project.directory / "a.db").exists()


def test_an_environment_without_env(project: Project, sqlite_url: str) -> None:
    """The file is named, and what it has is what to type; in an environment that is not this package's, Alembic's words stay."""
    write_environment(project.directory, sqlite_url, one="pass")
    env = project.directory / "migrations/env.py"
    env.unlink()
    ini = project.directory / "alembic.ini"
    ini.write_text(ini.read_text().replace("database_wait = off\n", ""))
    result = project.alembic("upgrade", "head", check=False)
    assert (result.returncode, "Can't find Python file" in result.output) == (1, True)
    ini.write_text(f"{ini.read_text()}lock_wait = 5s\n")
    with pytest.raises(errors.EnvironmentNotFoundError) as refused:
        asyncio.run(Migrations(ini).upgrade())
    result = project.alembic("upgrade", "head", check=False)
    assert (result.returncode, result.block) == (255, str(refused.value))
    assert str(refused.value).startswith(f"{env} is not there\n  where  script_location in section [alembic] of alembic.ini\n")
    env.write_text(str(refused.value.example))
    project.alembic("upgrade", "head")


@pytest.mark.parametrize("arguments", ["revision -m x", "revision --autogenerate -m x", "merge -m x one"])
@pytest.mark.parametrize("hides", [False, True])
def test_an_environment_without_a_template_of_revisions(project: Project, sqlite_url: str, arguments: str, hides: bool) -> None:
    """Nothing is written, and the line that copies it works as it is typed, with SQLModel installed or not."""
    write_environment(project.directory, sqlite_url, one="pass")
    project.write({"app/models.py": "import sqlalchemy as sa\n\ntable = sa.Table('t', sa.MetaData())\n"})
    if hides:
        project.write({"hidden/sitecustomize.py": "import sys\n\nsys.modules['sqlmodel'] = None\n"})
        project.environment["PYTHONPATH"] = str(project.directory / "hidden")
    project.alembic("upgrade", "head")
    result = project.alembic(*arguments.split(), check=False)
    path = project.directory / "migrations/script.py.mako"
    assert (result.returncode, result.stdout) == (255, ""), str(result)
    assert result.block.startswith(
        f"{path} is not there\n  where  new revisions are made from it\n  fix    get the file back, or copy"
    )
    assert [file.name for file in project.revisions()] == ["one.py"]
    subprocess.run(result.block.splitlines()[-1], shell=True, cwd=project.directory, check=True)
    project.alembic(*arguments.split())
    assert len(project.revisions()) == 2


LOGGING = {
    "loggers": "[loggers]\nkeys = root\n",
    "handlers": "[handlers]\nkeys = console\n",
    "formatters": "[formatters]\nkeys = generic\n",
    "logger_root": "[logger_root]\nlevel = WARNING\nhandlers = console\n",
    "handler_console": "[handler_console]\nclass = StreamHandler\nargs = (sys.stderr,)\nlevel = NOTSET\nformatter = generic\n",
    "formatter_generic": "[formatter_generic]\nformat = %(levelname)s OWN %(message)s\n",
}


@pytest.mark.parametrize("missing", [*LOGGING, "handlers = console\n", "args = (sys.stderr,)\n"])
def test_logging_sections_that_are_incomplete(project: Project, sqlite_url: str, missing: str) -> None:
    """They are as harmless as missing ones."""
    write_environment(project.directory, sqlite_url, one="op.execute('SELECT 1')")
    text = "\n".join(section for name, section in LOGGING.items() if name != missing).replace(missing, "")
    ini = project.directory / "alembic.ini"
    ini.write_text(f"{ini.read_text()}\n{text}")
    result = project.alembic("upgrade", "head")
    assert "Traceback" not in result.output
    assert "one" in result.stderr


NEWER = "def load():\n    try:\n        pass\n    except ValueError, TypeError:\n        pass\n"


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="is valid from Python 3.14 on")
@pytest.mark.parametrize(
    ("pyproject", "asks"),
    [
        ('[project]\nname = "app"\nrequires-python = ">=3.14"\n', True),
        ('[project]\nname = "app"\nrequires-python = "~=3.14.0"\n', True),
        ('[tool.poetry.dependencies]\npython = "^3.14"\n', True),
        ('[project]\nname = "app"\nrequires-python = ">=3.9,<4"\n', False),
        ("", False),
    ],
)
@pytest.mark.parametrize("imported", [False, True])
def test_a_source_for_a_newer_python(project: Project, sqlite_url: str, pyproject: str, asks: bool, imported: bool) -> None:
    """A module that this Python cannot parse says which Python the project asks for."""
    project.write({"app/__init__.py": "", "pyproject.toml": pyproject, "app/models.py": MODELS})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.write({"app/new.py": NEWER, "app/models.py": f"import app.new\n{MODELS}" if imported else f"{MODELS}\n\n{NEWER}"})
    result = project.alembic("revision", "--autogenerate", "-m", "change", env={"DATABASE_URL": sqlite_url}, check=False)
    fix = (
        "  fix    requires-python in pyproject.toml asks for Python 3.14: run Alembic with that:\n"
        "         python3.14 -m venv .venv\n"
    )
    assert result.returncode == 255
    assert (fix in f"{result.block}\n") is asks, str(result)
