"""`alembic doctor`: one broken project for each code, exactly that finding, and the fix that makes it disappear."""

from __future__ import annotations

import json
import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alembic_async_template.commands import examine
from alembic_async_template.doctor import drivers
from alembic_async_template.doctor.codes import CODES
from support.doctor import look, set_up, type_line
from support.doctor_cases import ASYNC_ENV, CASES, CREATE, INI, MODELS, OURS, SYNC, SYNC_ENV, Broken, revision
from support.project import ENV, Project, write_files

PAGE = Path(__file__).parents[2] / "docs/reference/doctor.md"


def apply_fix(case: Broken, project: Project, finding: dict[str, Any]) -> None:
    """Do what the fix says: type its command, or put its lines where they belong."""
    _, _, example = finding["fix"].partition(":\n")
    path = project.directory / (finding["file"] or "alembic.ini")
    lines = path.read_text().splitlines() if path.exists() else []
    number = (finding["line"] or 1) - 1
    if case.fix == "line":
        indent = re.match(r"\s*", lines[number])
        assert indent is not None
        shown = example or "script_location = %(here)s/migrations"
        lines[number] = "\n".join(f"{indent[0]}{line}" for line in shown.splitlines())
    elif case.fix == "remove":
        del lines[number]
    elif case.fix == "append":
        lines += [f"    {example}" if path.suffix == ".py" else example]
    elif case.fix == "next line":
        lines.insert(number + 1, f"    {example}" if path.suffix == ".py" else example)
    elif case.fix == "before":
        indent = re.match(r"\s*", lines[number])
        assert indent is not None
        added = [f"{indent[0]}{line}" for line in example.splitlines()]
        lines[number : number + 1] = added if "target_metadata" in example else [*added, lines[number]]
    elif case.fix == "first line":
        lines.insert(1, example)
    elif case.fix == "column":
        lines[number] = f'    op.add_column("post", {example})'
    elif case.fix == "revision":
        type_line(project, example)
        type_line(project, "alembic upgrade head")
        return
    elif " = " in example.partition("\n")[0]:
        lines[number + 1 : number + 1] = [example]
        if finding["line"]:
            del lines[number]
    else:
        type_line(project, example, case.folder)
        return
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.sqlite
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_each_code_is_found_and_its_fix_helps(case: Broken, project: Project, tmp_path: Path) -> None:
    """Exactly one finding, with its place; once the fix is typed, there is none of it; the page shows both."""
    set_up(case, project, tmp_path / "database.sqlite")
    findings = look(project, *case.options, folder=case.folder)
    shown = [(finding["code"], finding["severity"], finding["file"], finding["line"]) for finding in findings]
    assert shown == [(case.code, case.severity, case.file, case.line)], findings
    (finding,) = findings
    assert finding["why"] == CODES[case.code].why
    compare_page(finding, project.directory, tmp_path)
    if case.fix == "skip":
        return
    apply_fix(case, project, finding)
    assert case.code not in [found["code"] for found in look(project, *case.options)], finding["fix"]


def compare_page(finding: dict[str, Any], *folders: Path) -> None:
    """The page of the codes shows this finding. `WRITE_DOCS=1` writes it, in one process."""
    fixes = [("Fix", finding["fix"]), *((other["label"].capitalize(), other["fix"]) for other in finding["other_fixes"])]
    parts = [f"> {finding['problem']}"]
    for label, fix in fixes:
        advice, _, example = fix.partition(":\n")
        parts.append(f"{label}: {advice}" + (f":\n\n```text\n{example}\n```" if example else "."))
    text = "\n\n".join(parts)
    for folder in sorted(map(str, folders), key=len, reverse=True):
        text = text.replace(folder, "...")
    text = re.sub(r"in commit [0-9a-f]+", "in commit ...", text)
    section = f"## `{finding['code']}`\n\n**{finding['severity'].capitalize()}.** {finding['why']}\n\n{text}\n"
    if os.environ.get("WRITE_DOCS"):
        head, *sections = PAGE.read_text().split("\n## ")
        known = {code: rest for code, _, rest in (part.partition("\n") for part in sections)}
        known[f"`{finding['code']}`"] = section.partition("\n")[2]
        ordered = [f"## {code}\n{known[code].strip(chr(10))}\n" for code in (f"`{code}`" for code in CODES) if code in known]
        PAGE.write_text("\n".join([f"{head.strip()}\n", *(part.replace("`\n", "`\n\n", 1) for part in ordered)]))
    assert section.rstrip() in PAGE.read_text()


def test_each_code_has_a_project() -> None:
    """Only what needs a PostgreSQL, or a package that is not there, has a test of its own. The page has each, in this order."""
    others = {"invalid-index", "unused-enum", "missing-greenlet", "incompatible-versions"}
    others |= {"enum-values-differ", "tables-left-over", "version-table-elsewhere"}
    assert {case.code for case in CASES} | others == set(CODES)
    assert re.findall(r"^## `([\w-]+)`$", PAGE.read_text(), re.MULTILINE) == list(CODES)


@pytest.mark.sqlite
def test_greenlet_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `env.py` makes an asynchronous engine."""
    write_files(tmp_path, {**OURS, "alembic.ini": INI.replace("{url}", "sqlite+aiosqlite://"), "migrations/env.py": ASYNC_ENV})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(drivers, "find_spec", lambda name: None if name == "greenlet" else find_spec(name))
    (finding,) = examine(Config("alembic.ini"), use_database=False)
    assert finding.code == "missing-greenlet"
    compare_page(finding.to_json(), tmp_path)


def test_leftovers_of_postgresql(project: Project, postgresql_url: str) -> None:
    """An index that is not valid, and a type that nothing uses, with the statements that remove them."""
    set_up(Broken("", "", None, None, OURS, url=postgresql_url.replace("%", "%%")), project, project.directory)
    project.write(
        {
            "app/__init__.py": "",
            "app/models.py": "from sqlalchemy import *\nt = Table('post', MetaData(), Column('id', Integer, primary_key=True))",
        }
    )
    project.alembic("upgrade", "head")
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("INSERT INTO post VALUES (1), (2); CREATE TYPE old AS ENUM ('a')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY ix ON post ((id > 0))")
        findings = [finding for finding in look(project) if finding["code"] in {"invalid-index", "unused-enum"}]
        assert [finding["code"] for finding in findings] == ["invalid-index", "unused-enum"]
        for finding in findings:
            compare_page(finding, project.directory)
            connection.execute(finding["fix"].partition(":\n")[2].encode())
    assert not [finding for finding in look(project) if finding["code"] in {"invalid-index", "unused-enum"}]


def test_statements_on_enum_types_become_operations(project: Project, postgresql_url: str) -> None:
    """The lines that are printed run, whatever the names are, and both directions work."""
    kind = '"My ""Shop".kind'
    create = f"""CREATE TYPE {kind} AS ENUM ('it''s (new)', 'say "b"')"""
    add = f"""ALTER TYPE {kind} ADD VALUE 'a\\b "c"' BEFORE 'say "b"'"""
    files = {
        "migrations/env.py": ENV,
        "alembic.ini": INI,
        "migrations/versions/one.py": revision(f"op.execute({create!r})", "op.execute('SELECT 1')"),
        "migrations/versions/two.py": revision(f"op.execute({add!r})", "op.execute('SELECT 1')", "two", "one"),
    }
    set_up(Broken("", "", None, None, files, url=postgresql_url.replace("%", "%%")), project, project.directory)
    findings = {finding["code"]: finding for finding in look(project, "--no-database") if finding["code"] != "password-in-ini"}
    assert sorted(findings) == ["add-value-in-transaction", "enum-not-dropped"]
    for code, place in (("enum-not-dropped", "append"), ("add-value-in-transaction", "line")):
        apply_fix(Broken(code, "", None, None, fix=place), project, findings[code])
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute('CREATE SCHEMA "My ""Shop"')
        project.alembic("upgrade", "head")
        labels = connection.execute(f"SELECT enum_range(NULL::{kind})::text[]".encode()).fetchone()
        assert labels == (["it's (new)", 'a\\b "c"', 'say "b"'],)
        connection.execute(f"DROP TYPE {kind}; CREATE TYPE {kind} AS ENUM ('it''s (new)', 'say \"b\"')".encode())
        project.alembic("downgrade", "base")
        assert connection.execute("SELECT count(*) FROM pg_type WHERE typname = 'kind'").fetchone() == (0,)


@pytest.mark.sqlite
@pytest.mark.parametrize("template", ["generic", "async", "pyproject", "pyproject_async", "async-fastapi"])
def test_healthy_projects_give_nothing(template: str, project: Project, sqlite_url: str) -> None:
    """A project of each template, set up as its documentation says."""
    project.write({"app/__init__.py": "", "app/models.py": MODELS})
    project.environment["DATABASE_URL"] = sqlite_url
    project.alembic("init", "-t", template, "migrations")
    env, ini = project.directory / "migrations/env.py", project.directory / "alembic.ini"
    if template != "async-fastapi":
        text = "from app.models import SQLModel\n" + env.read_text()
        env.write_text(text.replace("target_metadata = None", "target_metadata = SQLModel.metadata"))
        url = sqlite_url.replace("+aiosqlite", "").replace("sqlite:", "sqlite+aiosqlite:" if "async" in template else "sqlite:")
        ini.write_text(ini.read_text().replace("driver://user:pass@localhost/dbname", url))
        mako = project.directory / "migrations/script.py.mako"
        mako.write_text(mako.read_text().replace("import sqlalchemy as sa", "import sqlalchemy as sa\nimport sqlmodel"))
    assert [finding["code"] for finding in look(project)] == []
    project.alembic("revision", "--autogenerate", "-m", "create posts")
    assert [finding["code"] for finding in look(project, "--no-database")] == []
    assert [finding["code"] for finding in look(project)] == ["behind-head"]
    project.alembic("upgrade", "head")
    assert [finding["code"] for finding in look(project)] == []


@pytest.mark.sqlite
def test_applied_revisions_are_history(project: Project, tmp_path: Path) -> None:
    """What is wrong in a revision that the database has is not told any more."""
    set_up(
        Broken("", "", None, None, {**OURS, "migrations/versions/one.py": revision(CREATE, "pass")}, url="{sqlite}"),
        project,
        tmp_path / "x.db",
    )
    assert {"empty-downgrade", "behind-head"} == {finding["code"] for finding in look(project)}
    project.alembic("upgrade", "head")
    assert "empty-downgrade" not in {finding["code"] for finding in look(project)}


@pytest.mark.sqlite
def test_codes_are_silenced(project: Project, tmp_path: Path) -> None:
    """By the setting, and by a comment on the line or above it."""
    files = {**OURS, "migrations/versions/one.py": revision(CREATE, "pass")}
    set_up(Broken("", "", None, None, files), project, tmp_path / "x.db")
    assert look(project, "--no-database")
    path = project.directory / "migrations/versions/one.py"
    path.write_text(path.read_text().replace("def downgrade():", "def downgrade():  # doctor_ignore: empty-downgrade"))
    assert look(project, "--no-database") == []
    path.write_text(path.read_text().replace("empty-downgrade", "another-code"))
    assert look(project, "--no-database")
    project.set(doctor_ignore="several-heads, empty-downgrade")
    assert look(project, "--no-database") == []


@pytest.mark.sqlite
def test_the_text_for_a_person(project: Project, tmp_path: Path) -> None:
    """A block for each finding, the worst first, and a summary."""
    set_up(
        Broken("", "", None, None, {**SYNC, "alembic.ini": INI.replace("{url}", "postgresql+asyncpg://app:tiger@localhost/app")}),
        project,
        tmp_path,
    )
    result = project.alembic("doctor", check=False)
    assert result.returncode == 1
    assert result.stdout == (
        "ERROR: env.py makes a synchronous engine, and the URL names asyncpg\n"
        "  where  alembic.ini:3\n"
        "  why    A synchronous engine cannot use an asynchronous driver: it fails with MissingGreenlet when it connects.\n"
        "  fix    name a synchronous driver:\n"
        "         sqlalchemy.url = postgresql+psycopg://app:***@localhost/app\n"
        "  code   sync-environment\n\n"
        "WARNING: sqlalchemy.url in alembic.ini has a password in it\n"
        "  where  alembic.ini:3\n"
        "  why    Whoever can read the repository can read the password.\n"
        "  fix    remove the setting, read the URL from an environment variable, and change the password\n"
        "  code   password-in-ini\n\n"
        "1 error, 1 warning\n"
    )
    assert "tiger" not in result.output


@pytest.mark.sqlite
def test_an_application_that_prints_exits_or_writes_breaks_nothing(project: Project, tmp_path: Path) -> None:
    """It runs in a process of its own, whose output is no part of the report."""
    set_up(
        Broken("", "", None, None, {**OURS, "migrations/env.py": "print('hello')\nimport os\nos._exit(3)\nrun_environment()\n"}),
        project,
        tmp_path / "x.db",
    )
    (finding,) = look(project)
    assert (finding["code"], finding["problem"]) == ("database-unreadable", "env.py has ended the process")


TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)
LINES = st.lists(
    st.one_of(st.sampled_from([*INI.splitlines(), "[x", "%(here)s", "a = %", "# doctor_ignore: x"]), TEXTS), max_size=8
).map("\n".join)
CODE = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *revision(CREATE).splitlines(),
                *SYNC_ENV.splitlines(),
                *ASYNC_ENV.splitlines(),
                "op.add_column()",
                "revision = 1",
                "down_revision = 1,",
            ]
        ),
        TEXTS,
    ),
    max_size=30,
).map("\n".join)


@pytest.mark.sqlite
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ini=LINES, env=CODE, file=CODE, toml=LINES)
def test_nothing_makes_it_fail(ini: str, env: str, file: str, toml: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the files are, every check comes to an end, and each finding can be shown."""
    files = {"alembic.ini": ini, "migrations/env.py": env, "migrations/versions/one.py": file, "pyproject.toml": toml}
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    monkeypatch.chdir(tmp_path)
    failed: list[str] = []
    monkeypatch.setattr("alembic_async_template.doctor.examine.log.debug", lambda message, **_: failed.append(message))
    findings = examine(Config("alembic.ini", "pyproject.toml"), use_database=False)
    assert not failed
    json.dumps([finding.to_json() for finding in findings])


@pytest.mark.sqlite
def test_no_finding_shows_a_password(project: Project) -> None:
    """Neither the problem nor the lines of the fix."""
    url = "postgresql+asyncpg://app:tiger@localhost/app"
    ini = f"[alembic]\nscript_location = %(here)s/migrations\napp_engin = {url}\nx = {url}?a=%(nothing)s\ny = {url}?b=%20\n"
    project.write({**OURS, "alembic.ini": f"{ini}sqlalchemy.url = {url}?sslmode=require\n"})
    for env in (OURS["migrations/env.py"], SYNC_ENV, ASYNC_ENV):
        project.write({"migrations/env.py": env})
        result = project.alembic("doctor", check=False)
        assert result.stdout.count("CODE") + result.stdout.count("  code ") > 2
        assert "tiger" not in result.output


def find(project: Project, code: str) -> dict[str, Any]:
    """The only finding of a code."""
    findings = look(project)
    (finding,) = [finding for finding in findings if finding["code"] == code]
    return finding


def start_on_postgresql(project: Project, url: str, models: str) -> None:
    """A project of this package with one revision, which is applied."""
    project.environment["DATABASE_URL"] = url
    project.write({"app/__init__.py": "", "app/models.py": models})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    project.alembic("revision", "--autogenerate", "-m", "one")
    project.alembic("upgrade", "head")


STATUS_MODELS = """import enum

from sqlmodel import Field, SQLModel


class Status(enum.Enum):
    draft = 1
    live = 2


class Post(SQLModel, table=True):
    id: int = Field(primary_key=True)
    status: Status
"""


@pytest.mark.parametrize("is_ours", [True, False])
def test_enum_values_that_differ(project: Project, postgresql_url: str, is_ours: bool) -> None:
    """Told apart from other differences; in a hand-written environment too, which does not compare them itself."""
    start_on_postgresql(project, postgresql_url, STATUS_MODELS)
    project.write({"app/models.py": STATUS_MODELS.replace("    live = 2\n", "    live = 2\n    gone = 3\n")})
    if not is_ours:
        driver = re.sub(r"^\w+", "postgresql+psycopg", postgresql_url)
        env = SYNC_ENV.replace("connection=connection", "connection=connection, target_metadata=SQLModel.metadata")
        env = env.replace('context.config.get_main_option("sqlalchemy.url")', repr(driver))
        project.write({"migrations/env.py": f"from app.models import SQLModel\n{env}"})
    findings = [finding for finding in look(project) if finding["code"] != "password-in-revision"]
    codes = [finding["code"] for finding in findings if finding["severity"] != "note"]
    assert codes == ["enum-values-differ"], findings
    finding = find(project, "enum-values-differ")
    assert finding["problem"] == (
        'Enum public.status has "draft", "live" in the database, and "draft", "live", "gone" in the models'
    )
    if is_ours:
        compare_page(finding, project.directory)
        type_line(project, finding["fix"].partition(":\n")[2])
    else:
        assert finding["fix"] == "write a revision with:\nop.add_enum_value('status', 'gone')"
        one = project.revisions()[0]
        revision_id = re.findall(r'^revision: str = "(\w+)"', one.read_text(), re.MULTILINE)[0]
        text = revision(finding["fix"].partition(":\n")[2], "op.f('x')", "two", revision_id)
        project.write({"migrations/versions/two.py": text})
    project.alembic("upgrade", "head")
    assert "enum-values-differ" not in [finding["code"] for finding in look(project)]


def test_enum_types_are_not_compared_while_revisions_are_pending(project: Project, postgresql_url: str) -> None:
    """What a pending revision makes or changes is not told as missing; nor is a type, at the head, that is not there."""
    start_on_postgresql(project, postgresql_url, STATUS_MODELS.replace("    status: Status\n", ""))
    project.write({"app/models.py": STATUS_MODELS})
    assert [finding["code"] for finding in look(project)] == ["models-differ"]
    project.alembic("revision", "--autogenerate", "-m", "two")
    text = project.revisions()[-1].read_text()
    project.revisions()[-1].write_text(text.replace("nullable=False", "nullable=True"))  # told on its own
    assert [finding["code"] for finding in look(project)] == ["behind-head"]
    project.alembic("upgrade", "head")
    project.write({"app/models.py": STATUS_MODELS.replace("    live = 2\n", "    live = 2\n    gone = 3\n")})
    project.alembic("revision", "--autogenerate", "-m", "three")
    assert [finding["code"] for finding in look(project)] == ["behind-head"]
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'newer'")
    assert [finding["code"] for finding in look(project)] == ["ahead-of-files"]


def test_a_type_that_the_database_has_need_not_be_created(project: Project, postgresql_url: str) -> None:
    """Someone else has made it; and where it is not there, the lines that are printed run, both ways."""
    start_on_postgresql(project, postgresql_url, MODELS)
    revision_id = re.findall(r'^revision: str = "(\w+)"', project.revisions()[0].read_text(), re.MULTILINE)[0]
    add = 'op.add_column("post", sa.Column("role", sa.Enum("admin", "it\'s", name="role", schema="public")))'
    project.write({"migrations/versions/two.py": revision(add, 'op.drop_column("post", "role")', "two", revision_id)})
    finding = find(project, "enum-not-created")
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("CREATE TYPE role AS ENUM ('admin', 'it''s')")
        assert "enum-not-created" not in [one["code"] for one in look(project)]
        connection.execute("DROP TYPE role")
    apply_fix(Broken("", "", None, None, fix="before"), project, finding)
    (drop,) = finding["other_fixes"]
    apply_fix(Broken("", "", None, None, fix="append"), project, {**finding, "fix": drop["fix"]})
    for command in (("upgrade", "head"), ("downgrade", "-1"), ("upgrade", "head")):
        project.alembic(*command)


def test_what_differs_in_a_column(project: Project, postgresql_url: str) -> None:
    """Alembic tells several differences of one column as a list."""
    start_on_postgresql(project, postgresql_url, MODELS)
    project.write(
        {
            "app/models.py": MODELS.replace(
                "title: str", 'title: str | None = Field(None, sa_column_kwargs={"server_default": "a"})'
            )
        }
    )
    (finding,) = look(project)
    assert (finding["code"], finding["problem"]) == (
        "models-differ",
        "Models and database differ: Column post.title takes NULL in the models, and is NOT NULL in the database; "
        "Column post.title has the default 'a' in the models, and no default in the database",
    )
    type_line(project, finding["fix"].partition(":\n")[2])
    project.alembic("upgrade", "head")
    assert look(project) == []


def test_tables_left_over(project: Project, postgresql_url: str) -> None:
    """A table that the models do not have, apart from other differences."""
    start_on_postgresql(project, postgresql_url, MODELS)
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE old (id int)")
    assert [finding["code"] for finding in look(project)] == ["tables-left-over"]
    finding = find(project, "tables-left-over")
    compare_page(finding, project.directory)
    type_line(project, finding["fix"].partition(":\n")[2])
    project.alembic("upgrade", "head")
    assert look(project) == []


@pytest.mark.parametrize(("schema", "table"), [("billing", "alembic_version"), ("public", "shop_version")])
def test_the_version_table_is_elsewhere(project: Project, postgresql_url: str, schema: str, table: str) -> None:
    """Left by an earlier environment: told in place of tables without a revision, with the arguments that lead to it."""
    start_on_postgresql(project, postgresql_url, MODELS)
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(
            f"CREATE SCHEMA IF NOT EXISTS {schema}; ALTER TABLE alembic_version RENAME TO {table}".encode()
            if schema == "public"
            else f"CREATE SCHEMA {schema}; ALTER TABLE alembic_version SET SCHEMA {schema}".encode()
        )
    assert [finding["code"] for finding in look(project)] == ["version-table-elsewhere"]
    finding = find(project, "version-table-elsewhere")
    if schema == "billing":
        compare_page(finding, project.directory)
    arguments = finding["fix"].partition(":\n")[2]
    env = project.directory / "migrations/env.py"
    env.write_text(env.read_text().replace("\nrun_environment()", f"\nrun_environment({arguments})"))
    assert look(project) == []


@pytest.mark.parametrize(("rows", "severity"), [(200_000, "warning"), (10, None)])
def test_a_change_of_rows_is_judged_by_the_size_of_its_table(
    project: Project, postgresql_url: str, rows: int, severity: str | None
) -> None:
    """A large table is a warning, and a small one is nothing."""
    start_on_postgresql(project, postgresql_url, MODELS)
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(f"INSERT INTO post SELECT i, '' FROM generate_series(1, {rows}) AS i; ANALYZE post".encode())
    revision_id = re.findall(r'^revision: str = "(\w+)"', project.revisions()[0].read_text(), re.MULTILINE)[0]
    text = revision("""op.execute("UPDATE post SET id = id")""", "op.execute('SELECT 1')", "two", revision_id)
    project.write({"migrations/versions/two.py": text})
    found = [finding for finding in look(project) if finding["code"] == "unbatched-change"]
    assert [finding["severity"] for finding in found] == ([severity] if severity else [])
    if severity:
        assert found[0]["problem"] == "Revision two changes rows of post in one UPDATE, and it has about 200,000"


@pytest.mark.sqlite
def test_versions_that_do_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the packages themselves say."""
    write_files(
        tmp_path,
        {
            **OURS,
            "alembic.ini": INI.replace("{url}", "sqlite://"),
            "site/sqlmodel-0.0.8.dist-info/METADATA": "Metadata-Version: 2.1\nName: sqlmodel\nVersion: 0.0.8\n"
            "Requires-Dist: SQLAlchemy (>=1.4.17,<=1.4.41)\n",
        },
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    (finding,) = [one for one in examine(Config("alembic.ini"), use_database=False) if one.code == "incompatible-versions"]
    assert re.fullmatch(r"sqlmodel 0\.0\.8 needs sqlalchemy<=1\.4\.41,>=1\.4\.17, and 2\.\S+ is installed", finding.problem)
    shown = finding.to_json()
    compare_page({**shown, "problem": re.sub(r"and 2\S+", "and 2.0.36", shown["problem"])}, tmp_path)
