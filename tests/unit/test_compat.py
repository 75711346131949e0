"""Pins every private name that `_compat` uses, so that a release which moves one fails here first."""

import ast
from pathlib import Path

import alembic.command
import alembic.context
import pytest
from alembic.autogenerate.api import AutogenContext, RevisionContext
from alembic.autogenerate.render import _repr_type
from alembic.config import Config
from alembic.operations.ops import UpgradeOps
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, CheckConstraint, Column, Identity, Integer, MetaData, Sequence, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool

import alembic_async_template
from alembic_async_template import _compat

PACKAGE = Path(alembic_async_template.__file__).parent


def test_private_names_exist() -> None:
    """The names that no test below reaches."""
    assert callable(_repr_type)
    assert callable(Config._get_template_path)
    assert "command_args" in RevisionContext.__init__.__code__.co_varnames


def test_the_running_command_is_known(tmp_path: Path) -> None:
    """Commands pass a function of their own, whose qualified name begins with the command's."""
    (tmp_path / "env.py").write_text(
        "from alembic_async_template import _compat\n"
        "from alembic import context\n"
        "autogenerate = _compat.revision_arguments().get('autogenerate')\n"
        "context.config.attributes['seen'].append((_compat.running_command(), autogenerate))\n"
    )
    (tmp_path / "script.py.mako").write_text("")
    (tmp_path / "versions").mkdir()
    config = Config()
    config.set_main_option("script_location", str(tmp_path))
    seen = config.attributes["seen"] = []
    alembic.command.upgrade(config, "head")
    alembic.command.downgrade(config, "base")
    alembic.command.current(config)
    alembic.command.stamp(config, "head")
    alembic.command.check(config)
    assert seen == [("upgrade", None), ("downgrade", None), ("current", None), ("stamp", None), ("check", True)]


def test_a_foreign_function_is_no_command(tmp_path: Path) -> None:
    """A program that drives the environment itself is not taken for one of Alembic's commands."""
    (tmp_path / "versions").mkdir()
    config = Config()
    config.set_main_option("script_location", str(tmp_path))
    with EnvironmentContext(config, ScriptDirectory.from_config(config), fn=lambda _revision, _context: []):
        assert _compat.running_command() is None
        assert _compat.environment_options()["fn"] is not None
        assert not _compat.is_configured()
        alembic.context.configure(dialect_name="sqlite", as_sql=True)
        assert _compat.is_configured()


def test_a_transaction_of_the_caller_is_seen() -> None:
    """Alembic's own flag tells whether it may end the transaction."""
    with create_engine("sqlite://", poolclass=NullPool).connect() as connection:
        assert not _compat.in_callers_transaction(MigrationContext.configure(connection))
        connection.begin()
        assert _compat.in_callers_transaction(MigrationContext.configure(connection))


def test_a_cloned_engine_has_the_arguments_and_events_but_not_the_pool() -> None:
    """What the application gave to its engine holds for the clone; nothing of the clone is seen by the application."""
    made: list[object] = []
    engine = create_engine("sqlite://", connect_args={"timeout": 3}, execution_options={"isolation_level": "AUTOCOMMIT", "a": 1})

    @event.listens_for(engine, "connect")
    def on_connect(connection: object, _record: object) -> None:
        made.append(connection)

    executed: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def on_execute(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        executed.append(statement)

    clone = _compat.clone_engine(engine)
    assert isinstance(clone.pool, NullPool)
    assert clone.get_execution_options() == {"a": 1}
    with clone.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    assert len(made) == 1
    assert executed == ["SELECT 1"]
    event.listen(clone, "after_cursor_execute", lambda *_: executed.append("clone only"))
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 2")
    engine.dispose()
    assert executed == ["SELECT 1", "SELECT 2"]


def test_a_commit_that_fails_is_told_from_a_statement() -> None:
    """A deferred constraint is looked at by COMMIT."""
    with create_engine("sqlite://", poolclass=NullPool).connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        connection.exec_driver_sql("CREATE TABLE t (id int PRIMARY KEY, parent int REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1, 2)")
        with pytest.raises(IntegrityError) as statement:
            connection.exec_driver_sql("INSERT INTO t VALUES (1, 2)")
        with pytest.raises(IntegrityError) as commit:
            connection.commit()
        connection.rollback()
    assert [_compat.failed_at_commit(error.value) for error in (statement, commit)] == [False, True]


def test_a_package_can_be_left_out_of_one_comparison() -> None:
    """The functions that a comparison calls are seen with their packages, and the next comparison has them again."""

    def compare() -> None:
        return None

    compare.__module__ = "other.compare"
    with create_engine("sqlite://", poolclass=NullPool).connect() as connection:
        context = MigrationContext.configure(connection)
        first = AutogenContext(context, MetaData())
        first.comparators.dispatch_for("schema")(compare)
        assert {"alembic", "other"} <= _compat.list_comparing_packages(first)
        _compat.leave_out_package(first, "other")
        assert "other" not in _compat.list_comparing_packages(first)
        assert "alembic" in _compat.list_comparing_packages(AutogenContext(context, MetaData()))


def test_the_function_of_a_comparison_that_failed_is_found() -> None:
    """The last one that was called, and none for an error that comes from elsewhere."""

    def compare(*_: object) -> None:
        raise LookupError

    with create_engine("sqlite://", poolclass=NullPool).connect() as connection:
        context = AutogenContext(MigrationContext.configure(connection), MetaData())
        context.comparators.dispatch_for("schema")(compare)
        with pytest.raises(LookupError) as raised:
            context.comparators.dispatch("autogenerate", qualifier="sqlite")(context, UpgradeOps([]))
    assert _compat.find_failed_comparator(raised.value) == (__name__, compare.__code__)
    with pytest.raises(LookupError) as raised:
        compare()
    assert _compat.find_failed_comparator(raised.value) is None


def test_a_convention_names_a_constraint_of_a_table_that_is_there() -> None:
    """A constraint gets no name if the convention has none of its kind, or misses a name."""
    metadata = MetaData()
    table = Table("t", metadata, Column("id", Integer, primary_key=True), CheckConstraint("id > 0"))
    check = next(constraint for constraint in table.constraints if isinstance(constraint, CheckConstraint))
    assert _compat.name_by_convention(table.primary_key) is None
    metadata.naming_convention = {"pk": "pk_%(table_name)s", "ck": "ck_%(constraint_name)s"}
    assert _compat.name_by_convention(table.primary_key) == "pk_t"
    assert _compat.name_by_convention(check) is None


def test_a_check_of_a_type_is_created_where_the_type_needs_it() -> None:
    """PostgreSQL has a boolean type of its own, and `ddl_if` names other databases."""
    for dialect, created in ((sqlite.dialect(), ["flag", "only", "plain"]), (postgresql.dialect(), ["plain"])):  # type: ignore[no-untyped-call,unused-ignore]
        flag: Column[bool] = Column("flag", Boolean(create_constraint=True, name="flag"))
        plain, only = CheckConstraint("1 > 0", name="plain"), CheckConstraint("1 > 0", name="only").ddl_if(dialect="sqlite")
        table = Table("t", MetaData(), flag, plain, only)
        checks = [constraint for constraint in table.constraints if isinstance(constraint, CheckConstraint)]
        assert sorted(str(check.name) for check in checks if _compat.is_created(check, dialect)) == created
        assert [check.name for check in checks if _compat.is_type_bound(check)] == ["flag"]


def test_the_sequences_of_the_models_are_listed() -> None:
    """Sequences of columns are listed, and those that a MetaData is given."""
    metadata = MetaData()
    alone = Sequence("alone", metadata=metadata)
    of_column = Sequence("of_column")
    Table("t", metadata, Column("id", Integer, of_column, primary_key=True))
    assert _compat.list_sequences(metadata) == [alone, of_column]


def test_a_server_default_is_rendered_as_in_a_revision() -> None:
    """Identities too, which `op.alter_column` writes for a changed default only."""
    with create_engine("sqlite://", poolclass=NullPool).connect() as connection:
        options = {"sqlalchemy_module_prefix": "sa."}
        context = AutogenContext(MigrationContext.configure(connection, opts=options), MetaData())
        assert _compat.render_server_default(Identity(start=5), context) == "sa.Identity(always=False, start=5)"


def test_autocommit_engines_are_seen() -> None:
    """An engine whose every connection commits at once is told from others."""
    assert _compat.starts_in_autocommit(create_engine("sqlite://", isolation_level="AUTOCOMMIT"))
    assert not _compat.starts_in_autocommit(create_engine("sqlite://"))


def test_only_compat_uses_private_names() -> None:
    """No other module reaches into another package: attributes and imports with an underscore are this package's own."""
    own = {path.stem for path in PACKAGE.rglob("*.py")}
    for path in PACKAGE.rglob("*.py"):
        if path.name == "_compat.py":
            continue
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").startswith(("alembic.", "sqlalchemy")):
                assert not any(alias.name.startswith("_") for alias in node.names), (path, ast.unparse(node))
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                owner = ast.unparse(node.value)
                assert owner in {"self", "cls"} | own or owner.startswith("_"), (path, node.attr)
