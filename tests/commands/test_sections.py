"""`alembic -n name init`: one environment more in the same project, with the section of its own database."""

import io
import re
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from alembic_async_template.commands import init
from support.models import TABLE
from support.project import Project

ENGINE = (
    "import os\nfrom sqlalchemy.ext.asyncio import create_async_engine\n{name} = create_async_engine(os.environ['{variable}'])\n"
)
POSTS = {
    "app/models.py": TABLE.format(name="Post"),
    "app/db.py": ENGINE.format(name="engine", variable="DATABASE_URL"),
    "app/main.py": "from app.db import engine\nfrom app.models import Post\n",
}
INVOICES = {"billing/models.py": TABLE.format(name="Invoice")}
URLS = {"DATABASE_URL": "sqlite+aiosqlite:///app.db", "BILLING_DATABASE_URL": "sqlite+aiosqlite:///billing.db"}


@pytest.fixture
def shop(project: Project) -> Project:
    """A project with an environment for its first database."""
    project.environment |= URLS
    project.write(POSTS)
    project.alembic("init", "-t", "async-fastapi", "migrations")
    return project


def initialise(project: Project, section: str = "billing") -> str:
    return project.alembic("-n", section, "init", "-t", "async-fastapi", f"migrations_{section}").stdout


def read_section(project: Project, section: str = "billing") -> dict[str, str]:
    """The settings of a section, as they are written."""
    text = (project.directory / "alembic.ini").read_text().partition(f"\n[{section}]\n")[2].partition("\n[")[0]
    return dict(re.findall(r"^(\w+) = ?(.*)$", text, re.MULTILINE))


def leave_out(project: Project, app_models: str) -> None:
    """Do in the first section what init says."""
    ini = project.directory / "alembic.ini"
    text = ini.read_text()
    assert text.startswith("[alembic]\n")
    ini.write_text(text.replace("\napp_models = app\n", f"\napp_models = {app_models}\n", 1))


def autogenerate(project: Project, *options: str) -> tuple[str, list[str]]:
    """Where a revision was written for, and the tables in it."""
    said = project.alembic(*options, "revision", "--autogenerate", "-m", "x").stderr
    database = re.search(r"/(\w+\.db), from (.*)", said)
    assert database
    return f"{database[1]} from {database[2]}", re.findall(r"Detected added table '(\w+)'", said)


def test_the_section_is_written_and_the_next_commands_work(shop: Project) -> None:
    """Nothing in the section is the first database's, nothing else in the ini changes, and the commands that are printed work."""
    shop.write(INVOICES)
    before = (shop.directory / "alembic.ini").read_text()
    output = initialise(shop)
    assert output.splitlines()[-9:] == [
        "Found in this project, and written to [billing] of alembic.ini:",
        "  import root  the folder of the ini",
        "  models       billing, ~app (billing.models)",
        "  engine       none; the environment variable BILLING_DATABASE_URL is read",
        "",
        "In [alembic], leave out the models of [billing]:",
        "  app_models = app, ~billing",
        "",
        'Next: alembic -n billing revision --autogenerate -m "create tables"',
    ]
    after = (shop.directory / "alembic.ini").read_text()
    assert after.startswith(f"{before}\n[billing]\n# Where env.py and the revisions are.\n")
    assert read_section(shop) == {
        "script_location": "%(here)s/migrations_billing",
        "prepend_sys_path": "%(here)s",
        "app_models": "billing, ~app",
        "database_url_env": "BILLING_DATABASE_URL",
        "file_template": "%%(year)d_%%(month).2d_%%(day).2d_%%(hour).2d%%(minute).2d-%%(rev)s_%%(slug)s",
        "path_separator": "os",
        "lock_timeout": "5s",
        "lock_retries": "5",
        "online": "on",
    }
    leave_out(shop, "app, ~billing")
    source = "the environment variable BILLING_DATABASE_URL"
    assert autogenerate(shop, "-n", "billing") == (f"billing.db from {source}", ["invoice"])
    assert autogenerate(shop) == ("app.db from app_engine app.db:engine", ["post"])
    for options in (["-n", "billing"], []):
        shop.alembic(*options, "upgrade", "head")
        shop.alembic(*options, "check")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"billing/db.py": ENGINE.format(name="engine", variable="BILLING_DB_URL")},
            {"app_engine": "billing.db:engine", "database_url_env": "BILLING_DB_URL"},
        ),
        (
            {"app/db.py": POSTS["app/db.py"] + ENGINE.format(name="billing_engine", variable="BILLING_DATABASE_URL")},
            {"app_engine": "app.db:billing_engine", "database_url_env": "BILLING_DATABASE_URL"},
        ),
        (
            {
                "billing/config.py": "from pydantic_settings import BaseSettings\nclass Settings(BaseSettings):\n"
                "    billing_database_url: str\nsettings = Settings()\n"
            },
            {"app_engine": "billing.config:settings.billing_database_url", "database_url_env": "BILLING_DATABASE_URL"},
        ),
    ],
)
def test_what_is_named_after_the_section_is_its_own(shop: Project, files: dict[str, str], expected: dict[str, str]) -> None:
    """The engine, the settings value and the variable of the second database are known by its name."""
    shop.environment["BILLING_DB_URL"] = URLS["BILLING_DATABASE_URL"]
    shop.write({**INVOICES, **files})
    initialise(shop)
    assert expected.items() <= read_section(shop).items()
    database, tables = autogenerate(shop, "-n", "billing")
    assert (database, tables) == (f"billing.db from app_engine {expected['app_engine']}", ["invoice"])


def test_models_that_both_have_are_said(shop: Project) -> None:
    """Where one package has all tables, the section has them too, in a database of its own, and says so."""
    initialise(shop, "archive")
    section = read_section(shop, "archive")
    assert (section["app_models"], section["database_url_env"]) == ("app", "ARCHIVE_DATABASE_URL")
    assert "app_engine" not in section
    assert (
        "\n# [alembic] may have the same: ~name leaves one out here or there.\napp_models = app\n"
        in (shop.directory / "alembic.ini").read_text()
    )
    shop.environment["ARCHIVE_DATABASE_URL"] = "sqlite:///archive.db"
    assert autogenerate(shop, "-n", "archive") == ("archive.db from the environment variable ARCHIVE_DATABASE_URL", ["post"])


def test_a_missing_url_is_not_that_of_another_section(shop: Project) -> None:
    """The engine of the first database is no way to reach the second one."""
    initialise(shop, "archive")
    shop.environment.clear()
    block = shop.alembic("-n", "archive", "upgrade", "head", check=False).block
    assert "No database URL was found" in block
    assert "app.db:engine" not in block
    assert "export ARCHIVE_DATABASE_URL=" in block


def test_a_misspelt_section_is_told_of_the_one_that_is_meant(shop: Project) -> None:
    """Typed as printed, the command is for that database, and not for the first one."""
    shop.write(INVOICES)
    initialise(shop)
    block = shop.alembic("-n", "biling", "upgrade", "head", check=False).block
    assert block == (
        "alembic.ini has no section [biling]; it has [alembic], [billing]\n  where  alembic.ini\n"
        "  fix    take the one that is nearly called so:\n         alembic -n billing upgrade head"
    )


def test_modules_inside_of_one_package_are_told_apart(shop: Project) -> None:
    """The modules named after the section are named one by one where the others are in their package."""
    shop.write({"app/billing_models.py": TABLE.format(name="Invoice")})
    output = initialise(shop)
    assert read_section(shop)["app_models"] == "app.billing_models, ~app.models"
    assert "\n  app_models = app, ~app.billing_models\n" in output
    leave_out(shop, "app, ~app.billing_models")
    assert autogenerate(shop, "-n", "billing")[1] == ["invoice"]
    assert autogenerate(shop)[1] == ["post"]


def test_the_rest_is_for_a_section_of_another_name(shop: Project) -> None:
    """What no other section has is the new one's, whatever it is called; a choice that is open is made in the lines that are printed."""
    shop.write(INVOICES)
    output = initialise(shop, "second")
    assert read_section(shop, "second")["app_models"] == "billing, ~app"
    assert "\n  app_models = app, ~billing\n" in output
    shop.write({"stock/models.py": TABLE.format(name="Item")})
    output = initialise(shop, "third-one")
    section = read_section(shop, "third-one")
    assert (section["app_models"], section["database_url_env"]) == ("stock, ~app, ~billing", "THIRD_ONE_DATABASE_URL")
    assert "In [alembic], leave out the models of [third-one]:\n  app_models = app, ~stock\n" in output
    assert "In [second], leave out the models of [third-one]:\n  app_models = billing, ~app, ~stock\n" in output


@pytest.mark.parametrize(
    "ini", ["[alembic]\r\nscript_location = migrations\r\n\r\n[loggers]\r\nkeys = root", "[x]\ny = %(here)s 50%%"]
)
def test_what_the_ini_has_stays_byte_for_byte(project: Project, ini: str) -> None:
    """Line ends and a missing one at the end of the file are kept as they are."""
    project.write(INVOICES)
    (project.directory / "alembic.ini").write_bytes(ini.encode())
    initialise(project)
    text = (project.directory / "alembic.ini").read_bytes().decode()
    newline = "\r\n" if "\r" in ini else "\n"
    assert text.startswith(f"{ini}{newline}{newline}[billing]{newline}#")
    assert ("\r\n" in ini) or "\r" not in text
    project.environment |= URLS
    assert autogenerate(project, "-n", "billing")[1] == ["invoice"]


def test_a_first_ini_has_the_section_that_was_named(project: Project) -> None:
    """Without any ini, `-n` names the section of the one that is written."""
    project.write(INVOICES)
    project.environment |= URLS
    initialise(project)
    assert (project.directory / "alembic.ini").read_text().startswith("[billing]\n")
    assert autogenerate(project, "-n", "billing") == ("app.db from the environment variable DATABASE_URL", ["invoice"])


def test_a_section_that_cannot_be_written_is_printed_whole(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pasted as it is printed, it works."""

    def refuse(ini: Path, text: str) -> None:
        raise PermissionError(ini, text)

    monkeypatch.setattr(init, "append_section", refuse)
    monkeypatch.chdir(shop.directory)
    shop.write(INVOICES)
    said = io.StringIO()
    config = Config("alembic.ini", ini_section="billing", stdout=said)
    command.init(config, "migrations_billing", template="async-fastapi")
    output = said.getvalue()
    section = output[output.index("Paste this section into it.\n\n") + 29 : output.index("\n\nNext: ")]
    assert section.startswith("[billing]\n")
    ini = shop.directory / "alembic.ini"
    ini.write_text(f"{ini.read_text()}\n{section}\n")
    assert autogenerate(shop, "-n", "billing")[1] == ["invoice"]
