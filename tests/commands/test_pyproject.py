"""`alembic init -t async-fastapi-pyproject`: the settings are in `[tool.alembic]` of pyproject.toml, and there is no ini."""

import re
import subprocess
import tomllib
from pathlib import Path

import alembic.command
import pytest
from alembic.config import Config
from sqlalchemy.engine import make_url

from support.models import TABLE
from support.project import Project, replace_settings

POETRY = """\
# Kept as it is.
[tool.poetry]
name = "shop"
packages = [{include = "shop", from = "src"}]

[tool.ruff]
line-length = 100"""
DB = """\
import os

from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine(os.environ["SHOP_DATABASE_URL"])
"""


@pytest.fixture
def shop(project: Project) -> Project:
    """A project of poetry with a src layout, a table and no engine."""
    project.write({"pyproject.toml": POETRY, "src/shop/__init__.py": "", "src/shop/models.py": TABLE.format(name="Post")})
    return project


def read_table(project: Project) -> dict[str, object]:
    """What `[tool.alembic]` has."""
    table: dict[str, object] = tomllib.loads((project.directory / "pyproject.toml").read_text())["tool"]["alembic"]
    return table


def initialise(project: Project, *arguments: str) -> str:
    return project.alembic("init", "-t", "async-fastapi-pyproject", "migrations", *arguments).stdout


def change(project: Project, **settings: str) -> None:
    """Replace settings in the table, or give it more; values are TOML."""
    replace_settings(project.directory / "pyproject.toml", "[tool.alembic]", **settings)


def run_cycle(project: Project, cwd: Path | None = None, *options: str) -> str:
    """From the first revision to a database that agrees with the models, and back."""
    commands = (
        ["revision", "--autogenerate", "-m", "x"],
        ["upgrade", "head"],
        ["check"],
        ["downgrade", "base"],
        ["upgrade", "head"],
    )
    return "".join(project.alembic(*options, *command, cwd=cwd).output for command in commands)


def test_the_settings_are_written_below_what_is_there(shop: Project) -> None:
    """The text of pyproject.toml stays, no alembic.ini is written, and the files are those of the other template."""
    shop.write({"src/shop/db.py": DB})
    output = initialise(shop)
    assert output.splitlines()[-7:] == [
        "Found in this project, and written to [tool.alembic] of pyproject.toml:",
        "  import root  src",
        "  models       shop (shop.models)",
        "  engine       shop.db:engine",
        "Nothing in it needs to be edited.",
        "",
        'Next: alembic revision --autogenerate -m "create tables"',
    ]
    assert "alembic.ini" not in output
    assert (shop.directory / "pyproject.toml").read_text().startswith(f"{POETRY}\n\n[tool.alembic]\n")
    assert sorted(path.name for path in shop.directory.iterdir()) == ["migrations", "pyproject.toml", "src"]
    assert read_table(shop) == {
        "script_location": "%(here)s/migrations",
        "prepend_sys_path": ["%(here)s/src"],
        "app_models": ["shop"],
        "app_engine": "shop.db:engine",
        "database_url_env": "SHOP_DATABASE_URL",
        "file_template": "%%(year)d_%%(month).2d_%%(day).2d_%%(hour).2d%%(minute).2d-%%(rev)s_%%(slug)s",
        "lock_timeout": "5s",
        "lock_retries": 5,
        "online": "on",
        "post_write_hooks": [{"name": "ruff", "type": "ruff_if_installed"}],
    }
    other = shop.alembic("init", "-t", "async-fastapi", "other")
    assert other.returncode == 0
    for name in ("env.py", "script.py.mako"):
        assert (shop.directory / "migrations" / name).read_text() == (shop.directory / "other" / name).read_text()


def test_every_proposal_in_the_table_is_toml(shop: Project) -> None:
    """Each line in a comment that sets something sets it when it is uncommented."""
    initialise(shop)
    text = (shop.directory / "pyproject.toml").read_text()
    text = re.sub(r'^# ("?[a-z_.]+"? = )', r"\1", text, flags=re.MULTILINE)
    (shop.directory / "pyproject.toml").write_text(text)
    table = read_table(shop)
    assert table["app_engine"] == "app.db:engine"
    assert table["sqlalchemy.url"] == "postgresql://app@localhost/app"
    assert table["statement_timeout"] == "5min"


def test_a_project_without_a_file_gets_one(project: Project) -> None:
    """Where there is no pyproject.toml yet, it is written; both templates are listed."""
    project.write({"app/models.py": TABLE.format(name="One")})
    listed = project.alembic("list_templates").stdout
    for line in ("async-fastapi - Async environment", "async-fastapi-pyproject - Like async-fastapi"):
        assert f"\n{line}" in listed
    initialise(project)
    project.environment["DATABASE_URL"] = "sqlite:///app.db"
    assert "app.db, from the environment variable DATABASE_URL" in run_cycle(project)


@pytest.mark.parametrize("name", ['"sqlalchemy.url"', "sqlalchemy.url"])
def test_the_whole_cycle_with_a_password_in_the_table(shop: Project, postgresql_url: str, name: str, tmp_path: Path) -> None:
    """A percent sign of a password stands for itself, however TOML is told the name, and from wherever Alembic is started."""
    url = make_url(postgresql_url).update_query_dict({"application_name": "50%"})
    initialise(shop)
    change(shop, **{name: f'"{url.render_as_string(hide_password=False)}"', "database_wait": "5", "lock_wait": '"7s"'})
    assert "%" in (shop.directory / "pyproject.toml").read_text().partition("sqlalchemy")[2].partition("\n")[0]
    (tmp_path / "away").mkdir()
    output = run_cycle(shop, tmp_path / "away", "-c", str(shop.directory / "pyproject.toml"))
    assert "from sqlalchemy.url in pyproject.toml" in output
    assert list((tmp_path / "away").iterdir()) == []


def test_the_engine_of_the_application_is_read_from_the_table(shop: Project, database_url: str) -> None:
    """The variable is the application's own, and the engine what its module makes of it."""
    shop.write({"src/shop/db.py": DB})
    url = make_url(database_url)
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}[url.get_backend_name()]
    shop.environment["SHOP_DATABASE_URL"] = url.set(drivername=driver).render_as_string(hide_password=False)
    initialise(shop)
    assert "from app_engine shop.db:engine" in run_cycle(shop)


@pytest.mark.parametrize(
    ("settings", "problem", "fixes"),
    [
        ({"lock_wait": '"soon"'}, 'lock_wait: "soon" is not a duration', ['lock_wait = "60s"']),
        ({"lock_retries": "-1"}, 'lock_retries: "-1" is not a number', ["lock_retries = 5"]),
        ({"app_models": "[]"}, "app_models is empty", ['app_models = ["shop"]']),
        ({"prepend_sys_path": '"src"'}, 'prepend_sys_path: "src" is not a list', ['prepend_sys_path = ["src"]']),
        (
            {"app_models": '["shop.models", "~shop.posts"]'},
            "shop.notes defines tables that would be forgotten",
            [
                'app_models = ["shop.models", "~shop.posts", "shop.notes"]',
                'app_models = ["shop.models", "~shop.posts", "~shop.notes"]',
            ],
        ),
    ],
)
def test_errors_show_settings_as_toml(shop: Project, settings: dict[str, str], problem: str, fixes: list[str]) -> None:
    """Each line is typed as it is printed, and the error is gone."""
    shop.environment["DATABASE_URL"] = "sqlite:///app.db"
    initialise(shop)
    if len(fixes) == 2:
        shop.write({f"src/shop/{name}.py": TABLE.format(name=name.title()) for name in ("notes", "posts")})
    before = (shop.directory / "pyproject.toml").read_text()
    for fix in fixes:
        (shop.directory / "pyproject.toml").write_text(before)
        change(shop, **settings)
        block = shop.alembic("revision", "--autogenerate", "-m", "x", check=False).block
        assert problem in block
        assert "section [tool.alembic] of pyproject.toml" in block
        assert f"\n         {fix}" in block
        name, _, value = fix.partition(" = ")
        change(shop, **{name: value})
        shop.alembic("revision", "--autogenerate", "-m", "x")
        shop.revisions()[-1].unlink()


def test_a_table_that_exists_is_kept(project: Project) -> None:
    """The lines of the stock template are replaced by those that are printed, in TOML, and the folder of the new files goes."""
    project.write({"app/models.py": TABLE.format(name="One"), "pyproject.toml": POETRY})
    project.alembic("init", "-t", "pyproject_async", "migrations")
    before = (project.directory / "pyproject.toml").read_text()
    (project.directory / "alembic.ini").unlink()
    output = project.alembic("init", "-t", "async-fastapi-pyproject", "new").stdout
    assert (project.directory / "pyproject.toml").read_text() == before
    assert not (project.directory / "alembic.ini").exists()
    (command,) = re.findall(r"^  (mv .*)$", output, re.MULTILINE)
    subprocess.run(command, shell=True, cwd=project.directory, check=True)
    said = "Paste these lines into its [tool.alembic] section, in place of its prepend_sys_path.\n\n"
    lines = output[output.index(said) + len(said) : output.index("\nNext: ")]
    text = re.sub(r"^prepend_sys_path = \[\n.*\n\]\n", "", before, flags=re.MULTILINE)
    project.write({"pyproject.toml": text.replace("[tool.alembic]\n", f"[tool.alembic]\n{lines}", 1)})
    project.environment["DATABASE_URL"] = "sqlite:///app.db"
    run_cycle(project)


def test_an_ini_that_comes_first_is_said(shop: Project) -> None:
    """Alembic reads an ini before pyproject.toml: what both have is named, and removed the new environment works."""
    shop.write({"alembic.ini": "[alembic]\nscript_location = elsewhere\napp_models = other\n"})
    output = initialise(shop)
    assert "\nRemove these from [alembic] of alembic.ini, which comes first: script_location, app_models.\n" in output
    shop.write({"alembic.ini": "[alembic]\n"})
    shop.environment["DATABASE_URL"] = "sqlite:///app.db"
    run_cycle(shop)


def test_a_second_database_is_for_an_ini(shop: Project) -> None:
    """The table has no sections: the command that is printed writes one, which takes neither URL nor models from the table."""
    shop.write({"src/shop/db.py": DB, "src/billing/models.py": TABLE.format(name="Invoice")})
    initialise(shop)
    change(shop, app_models='["shop", "~billing"]')
    arguments = ["-n", "billing", "init", "-t", "async-fastapi-pyproject", "billing_migrations"]
    block = shop.alembic(*arguments, check=False).block
    assert block.splitlines() == [
        '[tool.alembic] of pyproject.toml is one environment, and -n asks for the section "billing"',
        "  fix    let an alembic.ini have it:",
        "         alembic -n billing init -t async-fastapi billing_migrations",
    ]
    shop.alembic(*block.splitlines()[-1].split()[1:])
    shop.environment["SHOP_DATABASE_URL"] = "sqlite+aiosqlite:///shop.db"
    missing = shop.alembic("-n", "billing", "upgrade", "head", check=False).block
    assert "No database URL was found" in missing
    assert "export BILLING_DATABASE_URL=" in missing
    shop.environment["BILLING_DATABASE_URL"] = "sqlite:///billing.db"
    for options, table, database in ((["-n", "billing"], "invoice", "billing.db"), ([], "post", "shop.db")):
        result = shop.alembic(*options, "revision", "--autogenerate", "-m", "x")
        assert re.findall(r"Detected added table '(\w+)'", result.stderr) == [table]
        assert f"/{database}, from" in result.stderr


def test_a_section_that_is_not_there_is_refused(shop: Project) -> None:
    """Alembic takes the revisions of pyproject.toml for it, which would run on the database of DATABASE_URL."""
    initialise(shop)
    for command in (["upgrade", "head"], ["check"], ["revision", "--autogenerate", "-m", "x"]):
        block = shop.alembic("-n", "billing", *command, env={"DATABASE_URL": "sqlite:///billing.db"}, check=False).block
        assert block.splitlines()[0] == '-n: "billing" is no section with settings'
        assert block.splitlines()[-1] == "         alembic -n billing init -t async-fastapi migrations_billing"
    assert not (shop.directory / "billing.db").exists()


def test_another_projects_table_is_not_read(shop: Project, tmp_path: Path) -> None:
    """Alembic takes pyproject.toml from the working directory, whatever ini `-c` names: its models and URL are another project's."""
    initialise(shop)
    change(shop, app_engine='"shop.elsewhere:engine"')
    other = Project(tmp_path / "other")
    other.write({"app/models.py": TABLE.format(name="One")})
    other.alembic("init", "-t", "async-fastapi", "migrations")
    ini = str(other.directory / "alembic.ini")
    result = shop.alembic("-c", ini, "revision", "--autogenerate", "-m", "x", env={"DATABASE_URL": "sqlite:///app.db"})
    assert f"{other.directory}/app.db, from the environment variable DATABASE_URL" in result.stderr


def test_a_program_goes_on_with_its_config(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Config that `init` was called with has the settings that were written."""
    monkeypatch.chdir(shop.directory)
    for template, files in (
        ("async-fastapi-pyproject", {"toml_file": "pyproject.toml"}),
        ("async-fastapi", {"file_": "alembic.ini"}),
    ):
        config = Config(**files)  # type: ignore[arg-type]
        alembic.command.init(config, template, template=template)
        assert config.get_alembic_option("script_location") == str(shop.directory / template)
