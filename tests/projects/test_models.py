"""Which modules are imported for their tables, and which projects are refused."""

import re
from pathlib import Path

import pytest

from support.models import TABLE, autogenerate
from support.project import Project


def change_setting(project: Project, name: str, value: str) -> None:
    ini = project.directory / "alembic.ini"
    lines = [f"{name} = {value}" if line.startswith(f"{name} =") else line for line in ini.read_text().splitlines()]
    ini.write_text("\n".join(lines) + "\n")


def test_a_module_added_later_counts(app: Project) -> None:
    """The sources are scanned again; only modules that define tables are imported."""
    app.write({"app/new/models.py": TABLE.format(name="Two"), "app/bomb.py": "raise RuntimeError('imported')"})
    text = autogenerate(app)
    assert '"one"' in text
    assert '"two"' in text


ID = "sa.Column('id', sa.Integer, primary_key=True)"
FORMS = {
    "nested": "from app.base import Base\nclass Shop:\n    class Order(Base):\n"
    f"        __tablename__ = 'nested'\n        id = {ID}\n",
    "by_type": f"from app.base import Base\nLog = type('Log', (Base,), {{'__tablename__': 'by_type', 'id': {ID}}})\n",
    "by_new_class": "import types\nfrom app.base import Base\n"
    f"types.new_class('New', (Base,), {{}}, lambda body: body.update(__tablename__='by_new_class', id={ID}))\n",
    "by_factory": "from app.factories import make_history\nHistory = make_history('by_factory')\n",
    "by_type_in_factory": "from app import factories\nfactories.make_log(name='by_type_in_factory')\n",
    "in_class_body": "from app.factories import make_log\nclass Shop:\n    log = make_log('in_class_body')\n",
    "options": "from sqlmodel import Field, SQLModel\nfrom app.settings import OPTIONS\n"
    "class Options(SQLModel, **OPTIONS):\n    id: int = Field(primary_key=True)\n",
    "by_create_model": "from pydantic import create_model\nfrom sqlmodel import Field, SQLModel\n"
    "create_model('by_create_model', __base__=SQLModel, __cls_kwargs__={'table': True}, id=(int, Field(primary_key=True)))\n",
    "decorated": "from app.factories import table\n@table\nclass Decorated: pass\n",
    "by_method": "from app.factories import Factory as F\nF.build('by_method')\n",
    "renamed": f"from app.base import Base\nfrom sqlalchemy import Table\nt = Table\nt('renamed', Base.metadata, {ID})\n",
    "imported_as": f"from app.base import Base\nfrom sqlalchemy import Table as t\nx = t('imported_as', Base.metadata, {ID})\n",
    "copied": "from app.base import Base\nfrom app.renamed import t\nfrom app import renamed\n"
    "Base.metadata.tables['renamed'].to_metadata(Base.metadata, name='copied')\n",
}
FACTORIES = f"""
import sqlalchemy as sa
from app.base import Base

def make_history(name):
    class History(Base):
        __tablename__ = name
        id = {ID}
    return History

def make_log(name):
    return type(name, (Base,), {{"__tablename__": name, "id": {ID}}})

def table(class_):
    return sa.Table(class_.__name__.lower(), Base.metadata, {ID})

class Factory:
    @staticmethod
    def build(name):
        return sa.Table(name, Base.metadata, {ID})
"""
# Modules that look a little like those above, and define nothing.
PLAIN = {
    "calls_type": "x = type(object())\nX = type('X', (object,), {'metadata': 1})\n",
    "not_called": "from app.factories import make_history\ndef later():\n    return make_history('later')\n",
    "no_table": "from sqlmodel import SQLModel\nOPTIONS = {'table': False}\nclass X(SQLModel, **OPTIONS): pass\n"
    "class Y(SQLModel, **{'validate_default': True}): pass\n",
    "inner": "from pydantic import BaseModel\nclass X(BaseModel):\n    class Y(BaseModel): pass\n",
    "other_table": "from rich.table import Table as t\nx = t('title')\n",
    "own_functions": "import functools\ndef f(g): return g\n@f\n@functools.cache\ndef h(): pass\nx = f(h)\n",
}


def test_tables_are_found_in_whatever_form_they_are_made(app: Project) -> None:
    """Classes in classes and functions, calls, decorators; modules that only look alike are not imported."""
    app.write(
        {
            "app/base.py": "from sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): pass\n",
            "app/factories.py": FACTORIES,
            "app/settings.py": "import os\nOPTIONS = {name: True for name in ['table'] if os}\n",
            **{f"app/{name}.py": f"import sqlalchemy as sa\n{text}" for name, text in FORMS.items()},
            **{f"app/{name}.py": f"raise RuntimeError('imported')\n{text}" for name, text in PLAIN.items()},
        }
    )
    text = autogenerate(app)
    assert [name for name in FORMS if f'create_table(\n        "{name}"' not in text] == []


def test_a_copy_of_a_module_is_left_out_as_the_error_says(app: Project) -> None:
    """A table of two modules on one base; the advice names the second one, and works as printed."""
    app.write({"app/models_old.py": TABLE.format(name="One")})
    change_setting(app, "app_models", "*")
    error = autogenerate(app, check=False)
    assert "Table 'one' is already defined" in error
    assert "leave it out:\n         app_models = *, ~app.models_old\n" in error
    change_setting(app, "app_models", "*, ~app.models_old")
    assert '"one"' in autogenerate(app)


def test_a_module_outside_of_app_models_is_refused_by_name(app: Project) -> None:
    """Its tables are neither forgotten nor proposed for dropping: the message has both settings to choose from."""
    app.write({"billing/models.py": TABLE.format(name="Invoice")})
    assert autogenerate(app, check=False) == (
        "billing.models defines tables that would be forgotten: app_models does not cover it\n"
        "  where  section [alembic] of alembic.ini\n"
        "  fix    if they belong to this database:\n         app_models = app, billing.models\n"
        "  or     if they belong to another one:\n         app_models = app, ~billing.models"
    )
    assert app.revisions() == []
    change_setting(app, "app_models", "app, ~billing.models")
    assert '"invoice"' not in autogenerate(app)
    change_setting(app, "app_models", "app, billing.models")
    app.alembic("upgrade", "head")
    assert '"invoice"' in autogenerate(app)


LEAVING_ALONE = """from alembic_async_template import run_environment


def include_object(object_, name, type_, reflected, compare_to):
    return not (type_ == "table" and name == "shop_order")


run_environment(include_object=include_object)
"""


def test_a_table_of_a_module_that_is_left_out_is_dropped_with_a_word_about_it(app: Project) -> None:
    """Warning and comment name the module, and what they say keeps the table; a table that no module has any more is dropped plainly."""
    app.write({"shop/models.py": TABLE.format(name="ShopOrder"), "app/former.py": TABLE.format(name="Former")})
    change_setting(app, "app_models", "*")
    shop = app.directory / "shop/models.py"
    shop.write_text(shop.read_text() + '    __tablename__ = "shop_order"\n')
    autogenerate(app)
    app.alembic("upgrade", "head")
    change_setting(app, "app_models", "*, ~shop.models")
    (app.directory / "app/former.py").unlink()
    output = app.alembic("revision", "--autogenerate", "-m", "two").output
    (warning,) = re.findall("This revision loses data, as its comments say: (.*)", output)
    assert sorted(warning.split(", table ")) in (
        ["former", "table shop_order (of shop.models, which app_models leaves out)"],
        ["shop_order (of shop.models, which app_models leaves out)", "table former"],
    )
    revision = app.revisions()[-1]
    comment = re.sub(r"\s*\n *# ", " ", revision.read_text())
    assert (
        "This loses data: all rows of table shop_order. It seems to be of shop.models, which app_models leaves out. If it stays in "
        "this database, let include_object in env.py leave it alone, and write this revision again.\n"
    ) in comment
    assert "# This loses data: all rows of table former.\n" in revision.read_text()
    revision.unlink()
    app.write({"migrations/env.py": LEAVING_ALONE})
    app.alembic("revision", "--autogenerate", "-m", "two")
    text = app.revisions()[-1].read_text()
    assert "former" in text
    assert "shop_order" not in text


@pytest.mark.parametrize("pattern", ["app.*.models", "app.users.models, app.models", "*", "app", "app.users, app.m*"])
def test_patterns_name_modules_and_packages(app: Project, pattern: str) -> None:
    """Every form that covers both modules."""
    app.write({"app/users/models.py": TABLE.format(name="User")})
    change_setting(app, "app_models", pattern)
    if pattern == "app.*.models":
        assert "app.models defines tables that would be forgotten" in autogenerate(app, check=False)
        change_setting(app, "app_models", f"{pattern}, app.models")
    text = autogenerate(app)
    assert '"one"' in text
    assert '"user"' in text


def test_a_named_module_is_imported_whatever_it_looks_like(app: Project) -> None:
    """A module that makes its tables in a way no source shows, in a folder that the scan skips."""
    app.write(
        {
            "app/vendor/dynamic.py": "import sqlmodel\n"
            "type('Made', (sqlmodel.SQLModel,), {'__annotations__': {'id': int}, '__module__': __name__,"
            " 'id': sqlmodel.Field(primary_key=True)}, table=True)"
        }
    )
    change_setting(app, "app_models", "app, app.vendor.dynamic")
    assert '"made"' in autogenerate(app)


def test_a_name_without_a_module_is_an_error(app: Project) -> None:
    """A misspelt setting is not an application without tables."""
    change_setting(app, "app_models", "apq.models")
    assert autogenerate(app, check=False) == (
        'app_models: "apq.models" names no module under the import root\n  where  section [alembic] of alembic.ini\n'
        "  fix    correct the name:\n         app_models = app.models"
    )
    change_setting(app, "app_models", "elsewhere")
    assert autogenerate(app, check=False).endswith("  fix    name what defines tables:\n         app_models = app")
    change_setting(app, "app_models", "app")
    assert '"one"' in autogenerate(app)


def test_no_tables_is_an_error(project: Project, sqlite_url: str) -> None:
    """An empty application makes no empty revision."""
    project.environment["DATABASE_URL"] = sqlite_url
    output = project.alembic("init", "-t", "async-fastapi", "migrations").stdout
    assert "  models       none yet" in output
    assert autogenerate(project, check=False) == (
        f"No tables were found, so the application looks empty\n  where  the sources under {project.directory}\n"
        "  fix    name the modules that define the models in alembic.ini:\n"
        "         app_models = app.users.models, app.posts.models"
    )
    assert "No tables were found" in project.alembic("check", check=False).block
    project.write({"main.py": TABLE.format(name="Late")})
    assert '"late"' in autogenerate(project)


def test_several_applications_are_to_be_chosen_from(project: Project, sqlite_url: str) -> None:
    """Two packages that know nothing of each other: listed in the ini, named by the error, one chosen works."""
    project.environment["DATABASE_URL"] = sqlite_url
    project.write({"shop/models.py": TABLE.format(name="Order"), "billing/models.py": TABLE.format(name="Invoice")})
    project.alembic("init", "-t", "async-fastapi", "migrations")
    ini = (project.directory / "alembic.ini").read_text()
    choices = ["billing, shop", "billing, ~shop", "shop, ~billing"]
    assert "\n".join(f"# app_models = {choice}" for choice in choices) + "\napp_models =\n" in ini
    assert autogenerate(project, check=False) == (
        "app_models is empty, and tables were found in billing, shop\n  where  section [alembic] of alembic.ini\n"
        "  fix    if all of them are this database's:\n         app_models = billing, shop\n"
        "  or     leave out those of another database:\n         app_models = billing, ~shop"
    )
    (project.directory / "alembic.ini").write_text(ini.replace("app_models =\n", "app_models = shop, ~billing\n"))
    text = autogenerate(project)
    assert '"order"' in text
    assert '"invoice"' not in text


def test_a_module_that_fails_is_named_with_its_error(app: Project) -> None:
    """The application's own error, where it was imported from, and how to see all of it."""
    app.write({"app/models.py": "import nowhere\n" + TABLE.format(name="One")})
    assert autogenerate(app, check=False) == (
        "Module app.models could not be imported: ModuleNotFoundError: No module named 'nowhere'\n"
        "  where  app/models.py:1\n         import nowhere\n"
        f"         import root {app.directory} (prepend_sys_path in section [alembic] of alembic.ini)\n"
        "  fix    the application imports it, and it is not installed here:\n         pip install nowhere\n"
        f'  see    the error itself:\n         cd {app.directory} && PYTHONPATH={app.directory} python -c "import app.models"'
    )
    app.write({"app/models.py": "class ("})
    assert f"{app.directory / 'app/models.py'} has a syntax error in line 1, " in autogenerate(app, check=False)


def test_a_table_in_two_metadatas_is_refused(app: Project) -> None:
    """There is no telling which of the two is meant."""
    app.write({"app/again.py": "import sqlalchemy as sa\none = sa.Table('one', sa.MetaData(), sa.Column('id', sa.Integer))"})
    assert "Table one is declared in two MetaData objects" in autogenerate(app, check=False)


def test_metadata_given_in_env_py_is_taken(app: Project) -> None:
    """`target_metadata` replaces the search, and an empty one is refused."""
    env = app.directory / "migrations/env.py"
    env.write_text(
        "import sqlalchemy as sa\nfrom alembic_async_template import run_environment\nmetadata = sa.MetaData()\n"
        "sa.Table('given', metadata, sa.Column('id', sa.Integer))\nrun_environment(target_metadata=metadata)\n"
    )
    text = autogenerate(app)
    assert '"given"' in text
    assert '"one"' not in text
    env.write_text(env.read_text().replace("sa.Table", "# sa.Table"))
    assert "The target_metadata of env.py has no tables" in autogenerate(app, check=False)


def test_arguments_of_configure_are_given_in_env_py(app: Project) -> None:
    """Functions are called in addition to this package's own, and settings replace them."""
    (app.directory / "migrations/env.py").write_text(
        "from alembic_async_template import run_environment\n"
        "def process(context, revision, directives):\n    print('processed', len(directives))\n"
        "def include_object(object_, name, type_, reflected, compare_to):\n    return name != 'hidden'\n"
        "def include_name(name, type_, parents):\n    return name != 'left'\n"
        "run_environment(process_revision_directives=process, include_object=include_object, include_name=include_name,\n"
        "    version_table='versions_of_app', naming_convention={'ix': 'index_%(column_0_label)s'})\n"
    )
    app.write({"app/hidden.py": TABLE.format(name="Hidden")})
    text = autogenerate(app)
    assert '"one"' in text
    assert '"hidden"' not in text
    app.alembic("upgrade", "head")
    app.alembic("revision", "-m", "unnamed index")
    (app.revisions()[-1]).write_text(
        app.revisions()[-1].read_text().replace('schema."""', 'schema."""\n    op.create_index(None, "one", ["id"])')
    )
    app.alembic("upgrade", "head")
    sql = app.alembic("upgrade", "head", "--sql").stdout
    assert "CREATE TABLE versions_of_app" in sql
    assert "CREATE INDEX index_one_id ON one (id);" in sql


def test_a_syntax_error_is_refused_under_every_pattern(app: Project) -> None:
    """A merge conflict in a module must not look like dropped tables."""
    change_setting(app, "app_models", "*")
    app.write({"comments.py": "<<<<<<< HEAD\n" + TABLE.format(name="Comment")})
    assert f"{app.directory / 'comments.py'} has a syntax error" in autogenerate(app, check=False)


def test_an_installed_package_is_covered_with_its_modules(app: Project, tmp_path: Path) -> None:
    """The package's modules are covered like those under the import root."""
    shared = tmp_path / "installed/shareddb"
    (shared / "models").mkdir(parents=True)
    (shared / "__init__.py").write_text("")
    (shared / "models/comment.py").write_text(TABLE.format(name="Comment"))
    app.environment["PYTHONPATH"] = str(tmp_path / "installed")
    change_setting(app, "app_models", "app, shareddb")
    assert '"comment"' in autogenerate(app)


def test_a_file_under_two_import_roots_is_imported_once(app: Project) -> None:
    """The module is imported once, under the name that was asked for."""
    app.write({"src/lib/models.py": TABLE.format(name="Lib")})
    change_setting(app, "prepend_sys_path", "%(here)s:%(here)s/src")
    change_setting(app, "app_models", "app, lib")
    assert '"lib"' in autogenerate(app)


def test_settings_in_pyproject_toml_alone(app: Project, tmp_path: Path) -> None:
    """The project is where pyproject.toml is if there is no ini, from any directory."""
    (app.directory / "alembic.ini").unlink()
    app.write(
        {
            "pyproject.toml": "[tool.alembic]\nscript_location = '%(here)s/migrations'\nprepend_sys_path = ['.']\n"
            "app_models = ['app']\n"
        }
    )
    away = tmp_path / "away"
    away.mkdir()
    arguments = ["-c", str(app.directory / "pyproject.toml"), "revision", "--autogenerate", "-m", "x"]
    result = app.alembic(*arguments, cwd=away, env={"DATABASE_URL": "sqlite:///here.db"})
    assert f"sqlite+aiosqlite:///{app.directory}/here.db" in result.stderr
    assert "op.create_table('one'" in app.revisions()[-1].read_text()


def test_an_engine_that_can_be_imported_after_the_models_only_is_found(app: Project, sqlite_url: str) -> None:
    """Modules that import each other work in one order, which is that of the application."""
    app.write(
        {
            "app/models.py": "from app.mixin import Mixin\n" + TABLE.format(name="One").replace("(SQLModel", "(Mixin, SQLModel"),
            "app/mixin.py": "class Mixin: pass\nfrom app.utils import get_url",
            "app/utils.py": f"from app.mixin import Mixin\ndef get_url(): return {sqlite_url!r}",
        }
    )
    ini = app.directory / "alembic.ini"
    ini.write_text(ini.read_text().replace("# app_engine = app.db:engine", "app_engine = app.utils:get_url()"))
    assert "from app_engine app.utils:get_url()" in app.alembic("current").output
    assert '"one"' in autogenerate(app)
    app.alembic("upgrade", "head")
    assert "No new upgrade operations" in app.alembic("check").stdout
