"""The built distributions: what is in them, and the main commands where each way of installing put them."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = {
    "py.typed",
    "op.pyi",
    "templates/async-fastapi/README",
    "templates/async-fastapi/alembic.ini.mako",
    "templates/async-fastapi/env.py",
    "templates/async-fastapi/script.py.mako",
}


def run(*command: object, cwd: Path, code: int = 0) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "PYTHONPATH", "VIRTUAL_ENV"}}
    result = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False, env=environment
    )
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout


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
        assert 'Next: alembic revision --autogenerate -m "create tables"' in output
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
    assert "Install it: pip install 'alembic-async-template[asyncpg]'" in " ".join(refused.split())


def test_generated_revisions_pass_the_type_checkers_and_ruff(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty and full revisions, `env.py` and every operation of `op` are typed, with no ignore in them."""
    monkeypatch.setenv("PATH", os.defpath)  # ruff is out of reach, so nothing tidies the revisions before they are checked
    run(installed / "alembic", "init", "-t", "async-fastapi", "migrations", cwd=tmp_path)
    run(installed / "alembic", "revision", "-m", "empty", "--rev-id", "one", cwd=tmp_path)
    run(installed / "alembic", "revision", "-m", 'nasty \\ """ full', "--rev-id", "two", cwd=tmp_path)
    (full,) = (tmp_path / "migrations/versions").glob("*full.py")
    body = """
    op.create_table(
        "user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sqlmodel.AutoString(length=9), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
    )
    op.create_index(op.f("ix_user_name"), "user", ["name"], unique=False)
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_user_name"))
    op.add_enum_value("status", "archived", after="live", schema="public")
    op.create_enum("mood", ["sad", "glad"], schema=None)
    op.rename_enum_value("mood", "sad", "blue")
    op.remove_enum_value("mood", "grim", replace_with="blue")
    op.reorder_enum_values("mood", ["glad", "blue"], schema="public")
    op.replace_enum_values("mood", ["blue", "glad"], replace_with={"glum": "blue"})
    op.rename_enum("mood", "feeling")
    op.drop_enum("feeling", ("blue", "glad"))
    op.execute("SELECT 1")
"""
    text = full.read_text().replace("  # noqa: F401", "")  # as the template does when the imports are used
    full.write_text(text.replace('the schema."""\n', f'the schema."""{body}'))
    kept = list((Path(__file__).parent / "roundtrip/revisions").glob("*.py"))
    assert len(kept) > 40
    for path in kept:
        shutil.copy(path, tmp_path / "migrations/versions")
    files = [tmp_path / "migrations/env.py", *(tmp_path / "migrations/versions").glob("*.py")]
    for path in files:
        assert "ignore" not in path.read_text()
    run(sys.executable, "-m", "ruff", "check", "--isolated", *files, cwd=tmp_path)
    run(sys.executable, "-m", "mypy", "--strict", "--python-executable", installed / "python", *files, cwd=tmp_path)
    run(sys.executable, "-m", "pyright", "--pythonpath", installed / "python", *files, cwd=tmp_path)
    (tmp_path / "wrong.py").write_text('from alembic_async_template import op\nop.add_enum_value("a", 1)\nop.create_table(1)\n')
    output = run(sys.executable, "-m", "mypy", "--python-executable", installed / "python", "wrong.py", cwd=tmp_path, code=1)
    assert "Found 2 errors" in output
