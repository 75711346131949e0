"""What `alembic doctor` advises where the same problem has several shapes: each fix is done as it is printed."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest

from support.doctor import look, set_up, type_line
from support.doctor_cases import ASYNC_ENV, CREATE, GIT, INI, MODELS, OURS, SYNC_ENV, Broken, revision
from support.project import Project

pytestmark = pytest.mark.sqlite


def prepare(project: Project, files: dict[str, str], *before: str) -> None:
    set_up(Broken("", "", None, None, files, before=before), project, project.directory / "x.db")


def find(project: Project, code: str, *options: str) -> dict[str, Any]:
    """The only finding, which has this code."""
    (finding,) = look(project, *(options or ("--no-database",)))
    assert finding["code"] == code, finding
    return finding


def read_example(finding: dict[str, Any]) -> str:
    return str(finding["fix"].partition(":\n")[2])


def replace_assignments(project: Project, finding: dict[str, Any]) -> None:
    """Put the lines of a fix in place of those that set the same names."""
    path = project.directory / finding["file"]
    text = path.read_text()
    for line in read_example(finding).splitlines():
        text, times = re.subn(rf"^{line.split()[0].rstrip(':')}\b.*$", line, text, flags=re.MULTILINE)
        assert times == 1, line
    path.write_text(text)


@pytest.mark.parametrize("is_committed", [True, False])
@pytest.mark.parametrize("original", ["one.py", "2026_11_24-0900_one_posts.py", "z_posts.py"])
def test_a_copied_revision_becomes_one_of_its_own(original: str, is_committed: bool, project: Project) -> None:
    """Not the original is touched, whatever the names: it is committed, or has the identifier in its name, or is older."""
    first = {
        f"migrations/versions/{original}": revision(CREATE),
        "migrations/versions/two.py": revision("pass", "pass", "two", "one"),
    }
    files = {name: text for name, text in OURS.items() if name != "migrations/versions/one.py"} | first
    prepare(project, files, *(GIT if is_committed else ()), f"touch -d '2020-01-01' 'migrations/versions/{original}'")
    type_line(project, f"cp 'migrations/versions/{original}' migrations/versions/a_new.py")
    type_line(
        project, 'sed -i \'s/"post"/"note"/; s/^down_revision = /down_revision: str | None = /\' migrations/versions/a_new.py'
    )
    finding = find(project, "duplicate-revision")
    assert finding["problem"] == f"Revision one is in {original} and in a_new.py"
    assert finding["fix"].startswith("give a_new.py an identifier of its own, and let it follow the last revision:\nrevision = ")
    replace_assignments(project, finding)
    assert look(project, "--no-database") == []
    project.alembic("upgrade", "head")
    assert project.alembic("history").stdout.startswith("two -> ")


def test_a_copy_that_says_the_same_is_removed(project: Project) -> None:
    """The one that git does not know, though it comes first in the alphabet and in time."""
    prepare(project, OURS, *GIT, "cp migrations/versions/one.py 'migrations/versions/a one.py'")
    type_line(project, "touch -d '2020-01-01' 'migrations/versions/a one.py'")
    finding = find(project, "duplicate-revision")
    assert finding["fix"] == "remove the copy, which says the same:\nrm 'migrations/versions/a one.py'"
    type_line(project, read_example(finding))
    assert look(project, "--no-database") == []
    assert [path.name for path in project.revisions()] == ["one.py"]


BLOCKS = {
    "async with engine.begin() as c:\n        await c.run_sync(Base.metadata.create_all)\n    yield": "remove lines 2 and 3 of app/main.py",
    "async with engine.begin() as c:\n        await c.run_sync(Base.metadata.create_all)": "replace lines 2 and 3 of app/main.py with pass",
    "if debug:\n        async with engine.begin() as c:\n            await c.run_sync(\n                Base.metadata.create_all\n            )\n    yield": "remove lines 2 to 6 of app/main.py",
    "if debug:\n        Base.metadata.create_all(engine)\n    else:\n        check()": "replace line 3 of app/main.py with pass",
    "if debug:\n        check()\n    elif new:\n        Base.metadata.create_all(engine)": "replace line 5 of app/main.py with pass",
    "async with engine.begin() as c:\n        await c.run_sync(Base.metadata.create_all)\n        await fill(c)": "remove line 3 of app/main.py",
}


@pytest.mark.parametrize(("body", "advice"), BLOCKS.items())
def test_create_all_is_removed_with_its_block(body: str, advice: str, project: Project) -> None:
    """What is left of the module can be parsed."""
    prepare(project, {**OURS, "app/main.py": f"async def start(debug, new):\n    {body}\n"})
    finding = find(project, "create-all")
    assert finding["fix"] == f"{advice}, and let the revisions make the tables:\nalembic upgrade head"
    path = project.directory / "app/main.py"
    lines = path.read_text().splitlines()
    numbers = [int(number) for number in re.findall(r"\d+", advice)]
    indent = re.match(" *", lines[numbers[0] - 1])
    assert indent is not None
    lines[numbers[0] - 1 : numbers[-1]] = [f"{indent[0]}pass"] if "with pass" in advice else []
    path.write_text("\n".join(lines))
    ast.parse(path.read_text())
    assert look(project, "--no-database") == []


@pytest.mark.parametrize(
    ("sql", "call"),
    [
        ("""ALTER TYPE kind ADD VALUE 'it"s new'""", """op.add_enum_value("kind", 'it"s new')"""),
        ("""ALTER TYPE kind ADD VALUE 'it''s'""", """op.add_enum_value("kind", "it's")"""),
        (
            """ALTER TYPE "My ""Shop".Kind ADD VALUE IF NOT EXISTS 'a\\b' AFTER 'it''s'""",
            """op.add_enum_value("kind", 'a\\\\b', after="it's", schema='My "Shop')""",
        ),
    ],
)
def test_any_value_is_written_as_python(sql: str, call: str, project: Project) -> None:
    """With its place among the others, and the schema."""
    prepare(project, {**OURS, "migrations/versions/one.py": revision(f"op.execute({sql!r})", "op.execute('SELECT 1')")})
    finding = find(project, "add-value-in-transaction")
    assert read_example(finding) == call
    ast.parse(call)


def test_any_type_is_dropped(project: Project) -> None:
    """With its schema and all of its labels, brackets in them too."""
    sql = """CREATE TYPE "My ""Shop".kind AS ENUM ('it''s (new)', 'say "b"')"""
    prepare(project, {**OURS, "migrations/versions/one.py": revision(f"op.execute({sql!r})", "op.execute('SELECT 1')")})
    env = ENV_WITH_POSTGRESQL
    project.write({"migrations/env.py": env})
    finding = find(project, "enum-not-dropped")
    call = """op.drop_enum("kind", ["it's (new)", 'say "b"'], schema='My "Shop')"""
    assert read_example(finding) == call
    ast.parse(call)


ENV_WITH_POSTGRESQL = SYNC_ENV.replace(
    'context.config.get_main_option("sqlalchemy.url")', '"postgresql+psycopg://app@localhost/app"'
)
HISTORY = {
    f"migrations/versions/{name}.py": revision("pass", "pass", name, down)
    for name, down in {"r03": None, "r04": "r03", "r05": "r04", "r06": "r05"}.items()
}
CHAIN = {name: text for name, text in OURS.items() if not name.endswith("one.py")} | HISTORY


def test_a_missing_file_makes_no_second_head(project: Project) -> None:
    """Revisions are not to be merged with those that they follow."""
    prepare(project, CHAIN, "rm migrations/versions/r05.py")
    assert find(project, "missing-revision")["problem"] == "Revision r06 follows r05, which no file has"


@pytest.mark.parametrize("name", ["r05.py", "fifth.py"])
def test_a_file_that_cannot_be_parsed_is_there(name: str, project: Project) -> None:
    """It is not missing, and makes no second head."""
    prepare(
        project,
        CHAIN,
        f"mv migrations/versions/r05.py migrations/versions/_.py && mv migrations/versions/_.py migrations/versions/{name}",
    )
    path = project.directory / "migrations/versions" / name
    path.write_text(path.read_text().replace("def upgrade():", "def upgrade()"))
    assert find(project, "unparsable-revision")["file"] == f"migrations/versions/{name}"


@pytest.mark.parametrize(
    ("location", "there", "fix"),
    [
        ("migration", "migrations", "name the one that is there:\nscript_location = %(here)s/migrations"),
        ("src/alembc", "src/alembic", "name the one that is there:\nscript_location = %(here)s/src/alembic"),
    ],
)
def test_a_misspelt_folder_is_named(location: str, there: str, fix: str, project: Project) -> None:
    """Also where the settings are in pyproject.toml."""
    files = {name.replace("migrations", there): text for name, text in OURS.items() if name != "alembic.ini"}
    line = f'script_location = "%(here)s/{location}"'
    prepare(project, {**files, "alembic.ini": INI.replace("/migrations", f"/{location}")})
    finding = find(project, "no-script-folder")
    assert (finding["fix"], finding["line"]) == (fix, 2)
    replace_assignments(project, finding)
    assert look(project, "--no-database") == []
    (project.directory / "alembic.ini").unlink()
    project.write({"pyproject.toml": f"[tool.alembic]\n{line}\n"})
    finding = find(project, "no-script-folder")
    assert read_example(finding) == f'script_location = "%(here)s/{there}"'
    replace_assignments(project, finding)
    assert look(project, "--no-database") == []


@pytest.mark.parametrize("lost", ["migrations/env.py", "migrations"])
def test_an_env_that_was_removed_is_restored(lost: str, project: Project) -> None:
    """From git where that has it."""
    prepare(project, OURS, *GIT, f"rm -r {lost}")
    finding = find(project, "no-script-folder")
    assert finding["fix"] == f"restore it from version control:\ngit checkout HEAD -- {lost}"
    type_line(project, read_example(finding))
    assert look(project, "--no-database") == []


URL = '"sqlite:///{file}"'
FROM_INI = 'context.config.get_main_option("sqlalchemy.url")'
OWN_URLS = {
    "set_main_option": ("config = context.config\nconfig.set_main_option('sqlalchemy.url', {url})\n\nengine = ", FROM_INI),
    "set_section_option": (
        "config = context.config\nconfig.set_section_option('alembic', 'sqlalchemy.url', {url})\n\nengine = ",
        FROM_INI,
    ),
    "item": (
        "import sqlalchemy\nsection = context.config.get_section('alembic')\nsection['sqlalchemy.url'] = {url}\n\nengine = ",
        "sqlalchemy.engine_from_config(section).url",
    ),
    "engine": ("import app\n\nengine = ", "app.URL"),
    "offline": (
        "import app\n\ndef run_offline():\n    context.configure(url=context.config.get_main_option('sqlalchemy.url'))\n\nengine = ",
        "app.URL",
    ),
}


@pytest.mark.parametrize("way", OWN_URLS)
def test_an_environment_with_a_url_of_its_own_is_run(way: str, project: Project) -> None:
    """What the ini says is not used then: no finding about it, and those of the database are found."""
    before, url = OWN_URLS[way]
    address = URL.format(file=project.directory / "x.db")
    env = SYNC_ENV.replace(FROM_INI, url).replace("engine = ", before.format(url=address), 1)
    ini = INI.replace("{url}", "driver://user:pass@localhost/dbname") + "prepend_sys_path = %(here)s\npath_separator = os\n"
    prepare(project, {**OURS, "alembic.ini": ini, "migrations/env.py": env, "app.py": f"URL = {address}\n"})
    project.alembic("upgrade", "head")
    (project.directory / "migrations/versions/two.py").write_text(revision("pass", "pass", "two", "one"))
    assert find(project, "behind-head", "--json")


def test_the_placeholder_is_told_where_the_ini_counts(project: Project) -> None:
    """As in the template of Alembic, and where a variable that is not set has the ini behind it."""
    url = f"os.environ.get('APP_URL') or {FROM_INI}"
    for env in (ASYNC_ENV, SYNC_ENV, "import os\n" + SYNC_ENV.replace(FROM_INI, url)):
        prepare(
            project,
            {**OURS, "alembic.ini": INI.replace("{url}", "driver://user:pass@localhost/dbname"), "migrations/env.py": env},
        )
        find(project, "placeholder-url")


APP = {
    **{name: text for name, text in OURS.items() if name != "migrations/versions/one.py"},
    "alembic.ini": INI + "app_models = app\nprepend_sys_path = %(here)s\npath_separator = os\n",
    "app/__init__.py": "",
    "app/models.py": MODELS,
}
HAND_WRITTEN = SYNC_ENV.replace("\nengine", "\nfrom app.models import SQLModel\n\nengine", 1).replace(
    "connection=connection", "connection=connection, target_metadata=SQLModel.metadata"
)
CREATE_ALL = "python -P -c \"import sys; sys.path.append('.'); from sqlalchemy import create_engine; from app.models import SQLModel; SQLModel.metadata.create_all(create_engine('sqlite:///{file}'))\""


@pytest.mark.parametrize("way", [0, 1])
def test_before_the_first_revision_the_models_are_looked_at(way: int, project: Project) -> None:
    """What autogenerate would fail with is told, with each way out that it has."""
    billing = {"billing/__init__.py": "", "billing/models.py": MODELS.replace("Post", "Invoice")}
    prepare(project, {**APP, **billing})
    finding = find(project, "models-not-compared", "--json")
    assert finding["problem"] == "billing.models defines tables that would be forgotten: app_models does not cover it"
    ways = [finding["fix"], *(other["fix"] for other in finding["other_fixes"])]
    assert ways == [
        "if they belong to this database:\napp_models = app, billing.models",
        "if they belong to another one:\napp_models = app, ~billing.models",
    ]
    shown = project.alembic("doctor", check=False).stdout
    assert "\n  fix    if they belong to this database:\n" in shown
    assert "\n  or     if they belong to another one:\n" in shown
    ini = project.directory / "alembic.ini"
    ini.write_text(ini.read_text().replace("app_models = app", ways[way].partition("\n")[2]))
    assert look(project) == []
    project.alembic("revision", "--autogenerate", "-m", "first")


def test_a_database_that_create_all_made_is_told_before_the_first_revision(project: Project) -> None:
    """With both commands; the doctor itself makes no version table."""
    prepare(project, APP, CREATE_ALL)
    finding = find(project, "not-stamped", "--json")
    assert finding["problem"] == "There is no revision yet, but the database already has 1 table of the models"
    assert [other["label"] for other in finding["other_fixes"]] == ["then"]
    assert b"alembic_version" not in (project.directory / "x.db").read_bytes()
    for fix in (finding["fix"], *(other["fix"] for other in finding["other_fixes"])):
        type_line(project, fix.partition("\n")[2])
    assert look(project) == []
    assert "create_table('post'" in project.revisions()[0].read_text()


def test_a_hand_written_environment_with_a_database_that_create_all_made(project: Project) -> None:
    """Its first revision is written against an empty database."""
    prepare(project, {**APP, "migrations/env.py": HAND_WRITTEN}, CREATE_ALL)
    finding = find(project, "not-stamped", "--json")
    assert finding["problem"] == "There is no revision yet, but the database already has 1 table"
    assert b"alembic_version" not in (project.directory / "x.db").read_bytes()
    ini = project.directory / "alembic.ini"
    text = ini.read_text()
    ini.write_text(text.replace("x.db", "empty.db"))
    type_line(project, read_example(finding))
    ini.write_text(text)
    for other in finding["other_fixes"]:
        type_line(project, other["fix"].partition("\n")[2])
    assert look(project) == []


def test_a_hand_written_environment_is_started_in_its_folder(project: Project) -> None:
    """Its import root, and its paths, start where the command is started; also where the command is another one."""
    ini = INI.replace("%(here)s/", "") + "prepend_sys_path = .\npath_separator = os\n"
    prepare(project, {**APP, "alembic.ini": ini, "migrations/env.py": HAND_WRITTEN, "app/api/__init__.py": ""})
    shown = project.alembic("status", cwd=project.directory / "app/api", check=False)
    for text in (shown.stderr, project.alembic("doctor", cwd=project.directory / "app/api", check=False).stdout):
        assert "  fix    go to its folder:\n" in text
        line = text.partition("go to its folder:\n")[2].splitlines()[0].strip()
        assert line.startswith("cd ../.. && alembic ")
        type_line(project, line, "app/api")


ROLE = 'sa.Enum("a", "b", name="role")'
MAKERS = {
    "op.create_enum('role', ['a', 'b'])": 0,
    f"{ROLE}.create(op.get_bind(), checkfirst=True)": 0,
    "op.execute('CREATE TYPE \"role\" AS ENUM (1)')": 0,
    "op.execute('ALTER TYPE kind RENAME TO role')": 0,
    f"op.create_table('note', sa.Column('role', {ROLE}))": 0,
    "op.create_table('note', sa.Column('role', sa.Enum('a', 'b', name='role', create_type=False)))": 1,
    "op.create_enum('roles', ['a', 'b'])": 1,
}


@pytest.mark.parametrize(("maker", "found"), MAKERS.items())
@pytest.mark.parametrize(
    "use",
    [
        f"op.add_column('post', sa.Column('role', {ROLE}))",
        f"op.alter_column('post', 'role', existing_type=sa.Text(), type_={ROLE}, postgresql_using='role::role')",
        f"with op.batch_alter_table('post') as batch_op:\n        batch_op.add_column(sa.Column('role', {ROLE}))",
    ],
)
def test_a_type_that_no_revision_creates(maker: str, found: int, use: str, project: Project) -> None:
    """Whatever way another revision creates it in, nothing is said."""
    versions = {"one": f"{CREATE}\n    {maker}", "two": use}
    files = {
        f"migrations/versions/{name}.py": revision(body, "op.f('role')", name, down)
        for (name, body), down in zip(versions.items(), (None, "one"), strict=True)
    }
    prepare(project, {**OURS, "alembic.ini": INI.replace("{url}", "postgresql://app@localhost/app"), **files})
    findings = [finding for finding in look(project, "--no-database") if finding["code"] == "enum-not-created"]
    assert [finding["problem"] for finding in findings] == [
        "Revision two uses the enum type role, which no revision creates"
    ] * found


@pytest.mark.parametrize("existing", [f"existing_type={ROLE}", "type_=sa.Enum('a', name='role', native_enum=False)"])
def test_a_type_that_is_not_used(existing: str, project: Project) -> None:
    """The type that a column had, and a check in place of a type."""
    body = f"{CREATE}\n    op.alter_column('post', 'role', {existing}, nullable=True)"
    ini = INI.replace("{url}", "postgresql://app@localhost/app")
    prepare(project, {**OURS, "alembic.ini": ini, "migrations/versions/one.py": revision(body)})
    assert look(project, "--no-database") == []


def test_the_folder_of_the_revisions_may_have_the_name_of_alembic(project: Project) -> None:
    """As after `alembic init alembic`: it is not what a revision imports."""
    files = {name.replace("migrations/", "alembic/"): text.replace("/migrations", "/alembic") for name, text in OURS.items()}
    prepare(project, files)
    assert look(project, "--no-database") == []
    models = {"app/models.py": MODELS, "alembic/versions/one.py": f"{files['alembic/versions/one.py']}\nimport app.models\n"}
    project.write(models)
    assert find(project, "models-in-revision")["problem"] == "Revision one imports app.models"
