"""`alembic init -t async-fastapi`: what it prints, what it keeps, and what it refuses."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import alembic.command
import alembic.util
import pytest
from alembic.config import Config

from alembic_async_template.commands.wrappers import TEMPLATES
from support.commands import ALEMBIC, keep_variables
from support.project import Project

MODELS = "from sqlmodel import Field, SQLModel\nclass A(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n"


def test_it_says_what_it_found_and_what_to_type_next(project: Project) -> None:
    """Import root, models and engine, each with the value that is in the ini."""
    project.write(
        {
            "src/shop/models.py": MODELS,
            "src/shop/db.py": "from sqlalchemy.ext.asyncio import create_async_engine\nengine = create_async_engine('x')",
        }
    )
    output = project.alembic("init", "-t", "async-fastapi", "migrations").stdout
    assert output.splitlines()[-7:] == [
        "Found in this project, and written to alembic.ini:",
        "  import root  src",
        "  models       shop (shop.models)",
        "  engine       shop.db:engine",
        "Nothing in it needs to be edited.",
        "",
        'Next: alembic revision --autogenerate -m "create tables"',
    ]
    ini = (project.directory / "alembic.ini").read_text()
    for line in ("prepend_sys_path = %(here)s/src", "app_models = shop", "app_engine = shop.db:engine"):
        assert f"\n{line}\n" in ini


def test_it_names_the_engines_that_it_did_not_take(project: Project) -> None:
    """One line says which engine is in the ini, and which others are in its module."""
    text = "from sqlalchemy.ext.asyncio import create_async_engine\nlocal = create_async_engine('x')\nengine = create_async_engine('x')"
    project.write({"shop/models.py": MODELS, "shop/db.py": text})
    output = project.alembic("init", "-t", "async-fastapi", "migrations").stdout
    assert "\n  engine       shop.db:engine (not shop.db:local)\nNothing in it needs to be edited.\n" in output


DB = "import os\nfrom sqlalchemy.ext.asyncio import create_async_engine\nengine = create_async_engine(os.environ['DATABASE_URL'])\n"


def write_services(project: Project, *names: str) -> None:
    """Applications whose packages have the same name, each with a table."""
    for name in names:
        main = "from app.db import engine\nfrom app.models import SQLModel\n"
        project.write({f"{name}/app/models.py": MODELS, f"{name}/app/db.py": DB, f"{name}/app/main.py": main})


def test_each_application_of_a_monorepo_gets_the_command_for_its_environment(project: Project) -> None:
    """All import roots are named, and the lines that make an environment in each are typed as they are printed."""
    write_services(project, "services/orders", "services/the users/src", "services/bill-service")
    project.write({f"services/{name}/pyproject.toml": "[project]\nname = 'x'\n" for name in ("the users", "bill-service")})
    output = project.alembic("init", "-t", "async-fastapi", "migrations").stdout
    assert "  import root  services/orders; services/bill-service, services/the users/src are too\n" in output
    ini = (project.directory / "alembic.ini").read_text()
    assert "# Those of services/orders:\n# app_models = app\napp_models =\n" in ini
    assert "# That of services/orders:\n# app_engine = app.db:engine\n" in ini
    commands = output[output.index("In place of this environment, one in each:\n") :].splitlines()[1:]
    assert commands == [
        "  rm -r migrations alembic.ini",
        "  (cd services/orders && alembic init -t async-fastapi migrations)",
        "  (cd services/bill-service && alembic init -t async-fastapi migrations)",
        "  (cd 'services/the users' && alembic init -t async-fastapi migrations)",
    ]
    for command in commands:
        run_shell(project, command)
    assert not (project.directory / "alembic.ini").exists()
    for name, root in [("orders", "%(here)s"), ("bill-service", "%(here)s"), ("the users", "%(here)s/src")]:
        folder = project.directory / "services" / name
        ini = (folder / "alembic.ini").read_text()
        for line in (f"prepend_sys_path = {root}", "app_models = app", "app_engine = app.db:engine"):
            assert f"\n{line}\n" in ini
        environment = {"DATABASE_URL": "sqlite+aiosqlite:///app.db"}
        for arguments in (["revision", "--autogenerate", "-m", "x"], ["upgrade", "head"], ["check"]):
            project.alembic(*arguments, cwd=folder, env=environment)
        (revision,) = (folder / "migrations/versions").glob("*.py")
        assert 'op.create_table(\n        "a"' in revision.read_text()


@pytest.mark.parametrize("template", ["async-fastapi", "async-fastapi-pyproject"])
def test_packages_of_a_monorepo_that_are_one_application_are_joined(project: Project, template: str) -> None:
    """A service and the library that it imports: the settings that are printed are set, and tables of both are found."""
    base = "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\nclass Base(DeclarativeBase): pass\n"
    table = "class {0}(Base):\n    __tablename__ = '{0}'\n    id: Mapped[int] = mapped_column(primary_key=True)\n"
    imports = "from sqlalchemy.orm import Mapped, mapped_column\nfrom core.base import Base\n"
    project.write(
        {
            "libs/core/src/core/base.py": base,
            "libs/core/src/core/users.py": imports + table.format("user"),
            "services/api/src/api/models.py": imports + table.format("orders"),
            "services/api/src/api/main.py": "from core.users import user\nfrom api.models import orders\n",
        }
    )
    output = project.alembic("init", "-t", template, "migrations").stdout
    file = project.directory / ("pyproject.toml" if "pyproject" in template else "alembic.ini")
    settings = output[output.index(f"Or they are one application. Then set in {file.name}:\n") :].splitlines()[1:]
    text = file.read_text()
    for line in map(str.strip, settings):
        assert f"\n# {line}\n" in text
        name = line.partition(" = ")[0]
        text = re.sub(rf"^{name} = ?.*$", line.replace("\\", "\\\\"), text, flags=re.MULTILINE)
    file.write_text(text)
    project.environment["DATABASE_URL"] = "sqlite:///app.db"
    project.alembic("revision", "--autogenerate", "-m", "x")
    assert set(re.findall(r'op.create_table\(\s+"(\w+)"', project.revisions()[0].read_text())) == {"user", "orders"}
    project.alembic("upgrade", "head")
    project.alembic("check")


def test_an_application_of_a_monorepo_that_has_an_environment_keeps_it(project: Project) -> None:
    """The command of the others is printed, from wherever `init` is typed."""
    write_services(project, "services/orders", "services/users")
    project.write({"services/users/alembic.ini": "[alembic]\nscript_location = migrations\n"})
    folder = project.directory / "services"
    arguments = ["-c", "../alembic.ini", "init", "-t", "async-fastapi", "../migrations"]
    output = project.alembic(*arguments, cwd=folder).stdout
    assert output.splitlines()[-3:] == [
        "  rm -r ../migrations ../alembic.ini",
        "  (cd orders && alembic init -t async-fastapi migrations)",
        "  # users has an alembic.ini already",
    ]


def run_shell(project: Project, command: str) -> None:
    """Type a command as it is printed."""
    environment = keep_variables(**project.environment)
    environment["PATH"] = f"{ALEMBIC.parent}{os.pathsep}{environment['PATH']}"
    result = subprocess.run(command, shell=True, cwd=project.directory, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_nothing_of_the_project_is_imported(project: Project) -> None:
    """Sources are read, so a module with side effects has none at init."""
    project.write({"main.py": f"raise SystemExit('imported')\n{MODELS}"})
    project.alembic("init", "-t", "async-fastapi", "migrations")


def paste(project: Project, output: str) -> None:
    """Do what init says of an ini that it has kept: paste its lines, in place of those that it names."""
    ini = project.directory / "alembic.ini"
    instruction = re.search(
        r"^Paste these lines into its \[alembic\] section(?:, in place of its (.*))?\.$", output, re.MULTILINE
    )
    assert instruction, output
    replaced = (instruction[1] or "-").split(", ")
    pasted = output[output.index("\n\n", instruction.end()) : output.index("\nNext: ")]
    kept = [line for line in ini.read_text().splitlines() if line.partition(" =")[0] not in replaced]
    ini.write_text("\n".join(kept).replace("[alembic]", f"[alembic]\n{pasted}", 1))


@pytest.mark.parametrize("template", ["generic", "async", "pyproject", "pyproject_async"])
def test_the_lines_for_an_ini_that_exists_never_name_the_folder_to_remove(project: Project, template: str) -> None:
    """The guide's way: into a folder of its own, its two files moved, the folder removed, the lines pasted as printed."""
    project.write({"app/models.py": MODELS})
    project.alembic("init", "-t", template, "migrations")
    ini = project.directory / "alembic.ini"
    before = ini.read_text()
    output = project.alembic("init", "-t", "async-fastapi", "new").stdout
    assert ini.read_text() == before
    said = output[output.index(f"{ini} existed and was kept.") :]
    assert "script_location =" not in said
    assert "sqlalchemy.url" not in said  # it is the placeholder
    lines = said.splitlines()
    assert lines[1] == "Its script_location stays. Put the new files there, and keep the old env.py to read:"
    assert lines[2] == "  mv migrations/env.py migrations/env.py.old && mv new/env.py new/script.py.mako migrations && rm -r new"
    assert lines[3] == "Give run_environment in the new env.py what the old one gives to context.configure."
    assert not any("new" in line for line in lines[4:])
    run_shell(project, lines[2])
    assert "target_metadata = None" in (project.directory / "migrations/env.py.old").read_text()
    assert not (project.directory / "new").exists()
    paste(project, output)
    project.environment["DATABASE_URL"] = "sqlite:///app.db"
    project.alembic("revision", "--autogenerate", "-m", "x")
    project.alembic("upgrade", "head")
    project.alembic("check")
    assert (project.directory / "app.db").exists()


def test_what_comes_next_where_there_are_revisions(project: Project) -> None:
    """No first revision is proposed; the lines work, and the command names the ini that was named."""
    project.environment["DATABASE_URL"] = "sqlite:///app.db"
    project.write({"app/models.py": MODELS})
    for template, next_line in (
        ("async", 'Next: alembic revision --autogenerate -m "create tables"'),
        ("", "Next: alembic check"),
    ):
        if template:
            project.alembic("init", "-t", template, "migrations")
        else:
            project.alembic("revision", "-m", "first", "--rev-id", "one")
        assert project.alembic("init", "-t", "async-fastapi", "new").stdout.splitlines()[-1] == next_line
        shutil.rmtree(project.directory / "new")
    ini = project.directory / "alembic.ini"
    ini.write_text(ini.read_text().replace("[alembic]", "[alembic]\nversion_locations = %(here)s/migrations/versions", 1))
    assert project.alembic("init", "-t", "async-fastapi", "new").stdout.splitlines()[-1] == "Next: alembic check"
    shutil.rmtree(project.directory / "new")
    ini.unlink()
    (project.directory / "migrations").rename(project.directory / "old")
    output = project.alembic("-c", "own.ini", "init", "-t", "async-fastapi", "migrations").stdout
    assert output.splitlines()[-4:] == [
        "old/versions has revisions of an earlier environment. To go on with them:",
        "  mv old/versions/*.py migrations/versions",
        "",
        "Next: alembic -c own.ini check",
    ]
    run_shell(project, output.splitlines()[-3])
    assert project.alembic("-c", "own.ini", "heads").stdout == "one (head)\n"
    assert "alembic -c own.ini upgrade head" in project.alembic("-c", "own.ini", "check", check=False).block


@pytest.mark.parametrize("line", ["", "script_location = %(here)s/migrations\n", "script_location = old\n"])
def test_an_ini_without_an_environment_gets_the_new_one(project: Project, line: str) -> None:
    """Pasting the lines is all there is to do; a URL in the existing ini is pointed out."""
    project.write(
        {"app/models.py": MODELS, "alembic.ini": f"[alembic]\n{line}prepend_sys_path = .\nsqlalchemy.url = sqlite:///app.db\n"}
    )
    output = project.alembic("init", "-t", "async-fastapi", "migrations").stdout
    assert "\nRemove its sqlalchemy.url, unless that is the database to migrate.\n" in output
    assert "\nscript_location = %(here)s/migrations\n" in output
    paste(project, output)
    project.alembic("revision", "--autogenerate", "-m", "x")
    assert (project.directory / "app.db").exists()


@pytest.mark.parametrize("directory", ["alembic", "./alembic", "app/alembic"])
def test_a_package_that_would_hide_alembic_is_refused(project: Project, directory: str) -> None:
    """The refusal comes before anything is written; a folder of that name without `--package` is fine."""
    assert project.alembic("init", "-t", "async-fastapi", "--package", directory, check=False).block == (
        f'Directory "{Path(directory)}" with --package would be a Python package named alembic, and hide Alembic itself\n'
        "  fix    choose another name:\n         alembic init -t async-fastapi --package migrations"
    )
    assert list(project.directory.iterdir()) == []
    project.alembic("init", "-t", "async-fastapi", directory)
    project.alembic("history")


def test_a_package_inside_a_package_may_be_named_alembic(project: Project) -> None:
    """`app.alembic` hides nothing."""
    project.write({"app/__init__.py": "", "app/models.py": MODELS})
    project.alembic("init", "-t", "async-fastapi", "--package", "app/alembic")
    project.alembic("revision", "--autogenerate", "-m", "x", env={"DATABASE_URL": "sqlite:///app.db"})


def test_the_template_can_be_given_by_its_path(project: Project) -> None:
    """The way that Alembic documents for any template writes the same ini."""
    project.write({"app/models.py": MODELS})
    project.alembic("init", "-t", "async-fastapi", "one")
    by_name = (project.directory / "alembic.ini").read_text()
    (project.directory / "alembic.ini").unlink()
    output = project.alembic("init", "-t", str(TEMPLATES / "async-fastapi"), "two").stdout
    assert "Found in this project" in output
    assert (project.directory / "alembic.ini").read_text() == by_name.replace("/one", "/two")


def test_the_project_is_where_the_ini_is(project: Project) -> None:
    """`-c backend/alembic.ini` from the repository's root looks at backend."""
    project.write({"backend/app/models.py": MODELS, "other/app/models.py": MODELS})
    project.alembic("-c", "backend/alembic.ini", "init", "-t", "async-fastapi", "backend/migrations")
    ini = (project.directory / "backend/alembic.ini").read_text()
    assert "\nprepend_sys_path = %(here)s\n" in ini
    assert "\nscript_location = %(here)s/migrations\n" in ini
    assert "\napp_models = app\n" in ini
    project.alembic("-c", "backend/alembic.ini", "revision", "--autogenerate", "-m", "x", env={"DATABASE_URL": "sqlite:///x.db"})
    assert (project.directory / "backend/x.db").exists()


def test_other_templates_are_as_they_were(project: Project) -> None:
    """Alembic's own templates neither print nor look at anything more."""
    output = project.alembic("init", "-t", "async", "migrations").stdout
    assert "Found in this project" not in output
    assert "No such template" in project.alembic("init", "-t", "nothing", "else", check=False).stdout


def test_a_config_with_its_own_folder_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flask-Migrate and others override `get_template_directory`."""
    (tmp_path / "templates/own").mkdir(parents=True)
    (tmp_path / "templates/own/README").write_text("Their own template.\n")
    monkeypatch.chdir(tmp_path)

    class OwnConfig(Config):
        def get_template_directory(self) -> str:
            return str(tmp_path / "templates")

    with (tmp_path / "output").open("w") as stdout:
        alembic.command.list_templates(OwnConfig(stdout=stdout))
    assert "async-fastapi" not in (tmp_path / "output").read_text()
    assert "own - Their own template." in (tmp_path / "output").read_text()
    with pytest.raises(alembic.util.CommandError, match="No such template"):
        alembic.command.init(OwnConfig("alembic.ini"), "migrations", template="async-fastapi")
    assert sys.modules["alembic.command"].init.__name__ == "init"


def test_the_generated_env_is_short(project: Project) -> None:
    """Settings and one call: under 25 lines of code."""
    project.alembic("init", "-t", "async-fastapi", "migrations")
    lines = (project.directory / "migrations/env.py").read_text().splitlines()
    code = [line for line in lines if line.strip() and not line.startswith(("#", '"""'))]
    assert code == ["from alembic_async_template import run_environment", "run_environment()"]


DECLARATIVE = """from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
class Base(DeclarativeBase): pass
class A(Base):
    __tablename__ = "a"
    id: Mapped[int] = mapped_column(primary_key=True)
"""


@pytest.mark.parametrize(
    "template", ["async-fastapi", str(TEMPLATES / "async-fastapi"), f"{TEMPLATES}/../templates/async-fastapi"]
)
@pytest.mark.parametrize(
    ("sources", "kept"),
    [
        ({"app/models.py": MODELS}, True),
        ({"app/models.py": "if True:\n    import typing, sqlmodel as s\n"}, True),
        ({"app/models.py": DECLARATIVE}, False),
        ({"app/models.py": DECLARATIVE, "tests/test_a.py": "import sqlmodel\n"}, False),
        ({"app/models.py": "import sqlmodelling  # no import sqlmodel\n"}, False),
        ({}, False),
    ],
    ids=["sqlmodel", "an import among others", "declarative", "its tests only", "another name", "nothing yet"],
)
def test_new_revisions_import_sqlmodel_where_the_project_does(
    project: Project, template: str, sources: dict[str, str], kept: bool
) -> None:
    """A project without SQLModel gets the same file without that line."""
    project.write(sources)
    project.alembic("init", "-t", template, "migrations")
    copy = (project.directory / "migrations/script.py.mako").read_text()
    original = (TEMPLATES / "async-fastapi/script.py.mako").read_text()
    assert copy == (original if kept else original.replace('import sqlmodel${noqa("sqlmodel")}\n', ""))


def test_a_project_that_begins_to_use_sqlmodel_needs_no_edit(project: Project) -> None:
    """A revision that needs SQLModel imports it, whatever the copy of the template does."""
    project.environment["DATABASE_URL"] = "sqlite:///app.db"
    project.write({"app/models.py": DECLARATIVE})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("revision", "--autogenerate", "-m", "one")
    project.alembic("upgrade", "head")
    project.write({"app/posts.py": MODELS.replace("A(", "Post(") + "    title: str\n"})
    project.set(app_models="app.posts, app.models")
    project.alembic("revision", "--autogenerate", "-m", "two")
    project.alembic("upgrade", "head")
    assert [path.read_text().count("import sqlmodel") for path in project.revisions()] == [0, 1]
    mako = project.directory / "migrations/script.py.mako"
    mako.write_text(mako.read_text().replace("import sqlalchemy as sa", "import sqlmodel  # always\nimport sqlalchemy as sa"))
    project.write({"app/posts.py": (project.directory / "app/posts.py").read_text() + "    text: str | None\n"})
    project.alembic("revision", "--autogenerate", "-m", "three")
    assert project.revisions()[-1].read_text().count("import sqlmodel") == 1
    project.alembic("upgrade", "head")
    project.alembic("check")
