"""The built distributions: what is in them, and the main commands where each way of installing put them."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from support.type_checkers import check_types

ROOT = Path(__file__).parents[2]
SQLMODEL = """from sqlmodel import Field, SQLModel


class Post(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str
"""
DECLARATIVE = """from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Post(Base):
    __tablename__ = "post"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
"""
FILES = {
    "py.typed",
    "templates/async-fastapi/README",
    "templates/async-fastapi/alembic.ini.mako",
    "templates/async-fastapi/env.py",
    "templates/async-fastapi/script.py.mako",
    "templates/async-fastapi-pyproject/README",
    "templates/async-fastapi-pyproject/pyproject.toml.mako",
}


def run(*command: object, cwd: Path, code: int = 0, url: str | None = None) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "PYTHONPATH", "VIRTUAL_ENV"}}
    environment |= {} if url is None else {"DATABASE_URL": url}
    result = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False, env=environment
    )
    assert result.returncode == code, result.stdout + result.stderr
    return result.stderr[result.stderr.find("FAILED:") :] if code else result.stdout


def run_failing(*command: object, cwd: Path) -> str:
    """What a command says that fails."""
    result = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert result.returncode
    return result.stderr


def copy_source(folder: Path) -> Path:
    """A copy of what is built: setuptools writes next to it, and several workers build at once."""
    shutil.copytree(ROOT / "alembic_async_template", folder / "alembic_async_template")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, copy_source(folder / "source"), cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (path,) = dist.glob("*.whl")
    return path


def make_venv(folder: Path, tool: str, *what: object) -> Path:
    """A virtual environment with something installed in it; the folder of its programs."""
    venv = folder / "venv"
    if tool == "uv":
        run(sys.executable, "-m", "uv", "venv", "-q", "-p", sys.executable, venv, cwd=folder)
        run(sys.executable, "-m", "uv", "pip", "install", "-q", "-p", venv / "bin/python", *what, cwd=folder)
    else:
        run(sys.executable, "-m", "venv", venv, cwd=folder)
        run(venv / "bin/python", "-m", "pip", "install", "-q", *what, cwd=folder)
    return venv / "bin"


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel and no driver at all."""
    return make_venv(tmp_path_factory.mktemp("installed"), "pip", wheel)


@pytest.fixture(scope="module")
def without_sqlmodel(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with drivers, where nothing asks for SQLModel."""
    return make_venv(tmp_path_factory.mktemp("without_sqlmodel"), "uv", f"{wheel}[asyncpg,aiosqlite]")


@pytest.fixture(scope="module")
def with_sqlmodel(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the extra for SQLModel."""
    return make_venv(tmp_path_factory.mktemp("with_sqlmodel"), "uv", f"{wheel}[asyncpg,aiosqlite,sqlmodel]")


def write_models(project: Path, text: str) -> None:
    (project / "app").mkdir(exist_ok=True)
    (project / "app/models.py").write_text(text)


def list_revisions(project: Path) -> list[str]:
    """The texts of the revisions."""
    return [path.read_text() for path in sorted((project / "migrations/versions").glob("*.py"))]


def test_the_wheel_carries_template_stubs_and_marker(wheel: Path) -> None:
    """Everything that is no module is in the wheel, and the plugin is announced under its name."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert {f"alembic_async_template/{name}" for name in FILES} <= names
        assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        assert archive.read(entry_points).decode().split() == [
            "[alembic.plugins]",
            "alembic_async_template.enums",
            "=",
            "alembic_async_template.plugin",
        ]


def test_the_sdist_carries_them_too(dist: Path) -> None:
    """A wheel can be built from the sdist."""
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"alembic_async_template/{name}" for name in FILES} | {"LICENSE", "README.md"} <= names


@pytest.mark.parametrize(("tool", "editable"), [("pip", False), ("pip", True), ("uv", False), ("uv", True)])
def test_the_template_is_found_however_it_was_installed(
    tool: str, editable: bool, wheel: Path, installed: Path, tmp_path: Path
) -> None:
    """`alembic`, `python -m alembic` and `command.init` list and initialise it, warnings being errors."""
    if editable:
        programs = make_venv(tmp_path, tool, "-e", copy_source(tmp_path / "source"))
    else:
        programs = installed if tool == "pip" else make_venv(tmp_path, tool, wheel)
    python = [programs / "python", "-W", "error"]
    line = "async-fastapi - Async environment for FastAPI, SQLModel and SQLAlchemy; finds models and engine, needs no edits."
    assert line in run(programs / "alembic", "list_templates", cwd=tmp_path).splitlines()
    assert line in run(*python, "-m", "alembic", "list_templates", cwd=tmp_path).splitlines()
    for name, command in {
        "script": [programs / "alembic", "init", "-t", "async-fastapi", "migrations"],
        "module": [*python, "-m", "alembic", "init", "-t", "async-fastapi", "alembic"],
        "package": [programs / "alembic", "init", "-t", "async-fastapi", "--package", "migrations"],
        "code": [
            *python,
            "-c",
            "from alembic import command, config\n"
            "command.init(config.Config('alembic.ini'), 'migrations', template='async-fastapi')",
        ],
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        output = run(*command, cwd=folder)
        assert 'Next: define tables, set DATABASE_URL, then alembic revision --autogenerate -m "create tables"' in output
        (directory,) = (path for path in folder.iterdir() if path.is_dir())
        assert {"env.py", "script.py.mako", "README", "versions"} <= {path.name for path in directory.iterdir()}
        assert (directory / "__init__.py").exists() == (name == "package")
        run(programs / "alembic", "revision", "-m", "by hand", cwd=folder)


def test_sql_is_written_without_any_driver(installed: Path, tmp_path: Path) -> None:
    """`--sql` needs a dialect and no driver, for each database and in both directions."""
    run(installed / "alembic", "init", "-t", "async-fastapi", "migrations", cwd=tmp_path)
    run(installed / "alembic", "revision", "-m", "by hand", "--rev-id", "one", cwd=tmp_path)
    (revision,) = (tmp_path / "migrations/versions").glob("*.py")
    text = revision.read_text().replace('schema."""', 'schema."""\n    op.create_table("t", sa.Column("id", sa.Integer()))')
    revision.write_text(text.replace('back."""', 'back."""\n    op.drop_table("t")'))
    for url in ("postgresql://u:s3cret@h/d", "sqlite:///x.db", "mysql://u:s3cret@h/d", "postgresql+asyncpg://u:s3cret@h/d"):
        up = run(installed / "alembic", "-x", f"url={url}", "upgrade", "head", "--sql", cwd=tmp_path)
        assert "CREATE TABLE t (" in up
        assert "s3cret" not in up
        down = run(installed / "alembic", "-x", f"url={url}", "downgrade", "one:base", "--sql", cwd=tmp_path)
        assert "DROP TABLE t;" in down
    refused = run(installed / "alembic", "-x", "url=postgresql://u:s3cret@h/d", "upgrade", "head", cwd=tmp_path, code=255)
    assert "fix install it: pip install 'alembic-async-template[asyncpg]'" in " ".join(refused.split())


def test_a_declarative_project_needs_no_sqlmodel(without_sqlmodel: Path, database_url: str, tmp_path: Path) -> None:
    """The README's commands, and a revision by hand, run where SQLModel is not installed, and no file names it."""
    alembic = without_sqlmodel / "alembic"
    assert "No module named" in run_failing(without_sqlmodel / "python", "-c", "import sqlmodel", cwd=tmp_path)
    write_models(tmp_path, DECLARATIVE)
    for command in (
        ("init", "-t", "async-fastapi", "migrations"),
        ("revision", "--autogenerate", "-m", "create posts"),
        ("upgrade", "head"),
        ("revision", "-m", "by hand"),
        ("upgrade", "head"),
        ("check",),
        ("downgrade", "base"),
    ):
        run(alembic, *command, cwd=tmp_path, url=database_url)
    assert len(list_revisions(tmp_path)) == 2
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"import sqlmodel" in path.read_bytes()]


def test_a_sqlmodel_project_has_it_by_the_extra(with_sqlmodel: Path, database_url: str, tmp_path: Path) -> None:
    """Each revision imports it, once, as the template's own line does."""
    write_models(tmp_path, SQLMODEL)
    for command in (
        ("init", "-t", "async-fastapi", "migrations"),
        ("revision", "--autogenerate", "-m", "create posts"),
        ("upgrade", "head"),
        ("check",),
        ("revision", "-m", "by hand"),
        ("upgrade", "head"),
        ("downgrade", "base"),
    ):
        run(with_sqlmodel / "alembic", *command, cwd=tmp_path, url=database_url)
    assert [text.count("import sqlmodel") for text in list_revisions(tmp_path)] == [1, 1]
    line = 'import sqlmodel${noqa("sqlmodel")}\n'
    assert line in (ROOT / "alembic_async_template/templates/async-fastapi/script.py.mako").read_text()
    assert line in (tmp_path / "migrations/script.py.mako").read_text()


def test_one_line_says_that_sqlmodel_is_missing(without_sqlmodel: Path, sqlite_url: str, tmp_path: Path) -> None:
    """The template of revisions and a revision are named, and both work without the line."""
    alembic = without_sqlmodel / "alembic"
    write_models(tmp_path, DECLARATIVE)
    run(alembic, "init", "-t", "async-fastapi", "migrations", cwd=tmp_path)
    mako = tmp_path / "migrations/script.py.mako"
    without = mako.read_text()
    shutil.copy(ROOT / "alembic_async_template/templates/async-fastapi/script.py.mako", mako)
    autogenerate = (alembic, "revision", "--autogenerate", "-m", "create posts")
    for command in (autogenerate, (alembic, "revision", "-m", "by hand")):
        refused = run(*command, cwd=tmp_path, url=sqlite_url, code=255)
        assert " ".join(refused.split()) == (
            f"FAILED: Every new revision would import sqlmodel, which is not installed where {mako} "
            "fix if the models use it, install it: pip install sqlmodel "
            "or if they do not, remove this line from that file: import sqlmodel"
        )
        assert list_revisions(tmp_path) == []
    mako.write_text(without)
    run(alembic, "revision", "-m", "by hand", cwd=tmp_path)
    (revision,) = (tmp_path / "migrations/versions").glob("*.py")
    revision.write_text(revision.read_text().replace("import sqlalchemy as sa", "import sqlmodel\nimport sqlalchemy as sa"))
    (line,) = (number for number, text in enumerate(revision.read_text().splitlines(), 1) if text.startswith("import sqlmodel"))
    refused = run(alembic, "upgrade", "head", cwd=tmp_path, url=sqlite_url, code=255)
    assert " ".join(refused.split()) == (
        f"FAILED: No module named 'sqlmodel' where {revision.relative_to(tmp_path)}:{line} import sqlmodel "
        "state nothing was changed fix install it: pip install sqlmodel "
        "or if the revision does not use it, remove this line from the revision and from script.py.mako: import sqlmodel"
    )
    revision.write_text("".join(text for text in revision.read_text().splitlines(True) if "import sqlmodel" not in text))
    run(alembic, "upgrade", "head", cwd=tmp_path, url=sqlite_url)
    run(*autogenerate, cwd=tmp_path, url=sqlite_url)
    run(alembic, "upgrade", "head", cwd=tmp_path, url=sqlite_url)


def test_generated_revisions_pass_the_type_checkers_and_ruff(
    with_sqlmodel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`env.py` and revisions need no ignore, and what users write is checked by the types of the wheel."""
    monkeypatch.setenv("PATH", os.defpath)  # ruff is out of reach, so nothing tidies the revisions before they are checked
    alembic = with_sqlmodel / "alembic"
    write_models(tmp_path, SQLMODEL)
    run(alembic, "init", "-t", "async-fastapi", "migrations", cwd=tmp_path)
    run(alembic, "revision", "-m", "empty", "--rev-id", "one", cwd=tmp_path)
    run(alembic, "revision", "-m", 'nasty \\ """ message', "--rev-id", "two", cwd=tmp_path)
    kept = list((ROOT / "tests/autogenerate/revisions").glob("*.py"))
    assert len(kept) > 40
    for path in kept:
        shutil.copy(path, tmp_path / "migrations/versions")
    files = [tmp_path / "migrations/env.py", *(tmp_path / "migrations/versions").glob("*.py")]
    for path in files:
        assert "ignore" not in path.read_text()
    run(sys.executable, "-m", "ruff", "check", "--isolated", *files, cwd=tmp_path)
    shutil.copytree(ROOT / "tests/typing/examples", tmp_path / "examples")
    check_types(tmp_path, with_sqlmodel / "python")
