"""Every error as data: its parts, the block, the one line for a log, and the copy in another process."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path

import pytest

from alembic_async_template import AlembicAsyncTemplateError, errors
from alembic_async_template.errors.block import Fix

FAILURE = errors.Failure(
    revision="4f2a",
    message="add title",
    file=Path("/app/migrations/versions/4f2a_add_title.py"),
    line=31,
    operation='op.alter_column("post", "title", nullable=False)',
    done=("1a2b", "3c4d"),
)
PLACE = "section [alembic] of alembic.ini"
ROOTS = [Path("/app")]
FIX = Fix("fill the rows first, in the same revision", "op.execute(\"UPDATE post SET title = '' WHERE title IS NULL\")")
# The bases, which nothing raises.
BASES = {
    "AlembicAsyncTemplateError",
    "ApplicationError",
    "AutogenerateError",
    "DatabaseAccessError",
    "EnumOperationError",
    "OnlineError",
    "RevisionError",
}
EXAMPLES: list[AlembicAsyncTemplateError] = [
    errors.InitError("alembic"),
    errors.InitError("other", "billing"),
    errors.ConfigNotFoundError(Path("/app/alembic.ini"), given=False),
    errors.SettingError("lock_wait", "soon", PLACE, "is not a duration"),
    errors.ApplicationImportError(
        "app.models", "ImportError: no\nand more", FIX, place=PLACE, directory=Path("/app"), import_roots=ROOTS
    ),
    errors.ApplicationExitError("/app/models.py:3", "SystemExit: 3", FIX),
    errors.ModelsNotChosenError(PLACE, ["app.models", "billing"]),
    errors.NoTablesError(),
    errors.NoTablesError(["app"], "alembic.ini", ROOTS),
    errors.NoTablesError([], "alembic.ini", ROOTS),
    errors.UnlistedModelsError(PLACE, ["app.notes"], ["app.models"]),
    errors.SeveralMetadataError(PLACE, [(["app"], ["post"]), (["billing"], ["invoice"])], ["app"]),
    errors.DuplicateTableError("post"),
    errors.NoDatabaseURLError(
        PLACE, "alembic.ini", "DATABASE_URL", ["app.db:engine", "app.db:other"], {"app.db:other": "unused"}
    ),
    errors.EngineReferenceError("app.db", PLACE, "it is not of the form module:attribute"),
    errors.InvalidURLError("-x url", "it begins with a quotation mark", "leave the quotation marks out"),
    errors.MissingDriverError("postgresql", ["asyncpg"], "-x url"),
    errors.GreenletNotInstalledError("No module named 'greenlet'"),
    errors.MemoryDatabaseError("-x url"),
    errors.ConnectionBindError("is a connection that is closed"),
    errors.ConnectionFailedError("postgresql://app@localhost/app", "-x url", "authentication failed", FIX),
    errors.TemplateNotFoundError("fastapi", "async-fastapi", "migrations"),
    errors.EnvironmentNotFoundError(Path("/app/migrations/env.py"), "section [alembic] of alembic.ini"),
    errors.EnvironmentNotFoundError(Path("/app/migrations/script.py.mako"), "new revisions are made from it", FIX),
    errors.DatabaseNotReachableError("postgresql://app@localhost/app", "-x url", "no answer in time", 10),
    errors.DatabaseNotAtHeadError(["one"], ["two"]),
    errors.DatabaseNotAtHeadError([], []),
    errors.DatabaseNotAtHeadError(["two"], ["one"], ["two"]),
    errors.DatabaseNotAtHeadError(["one"], ["one"]),
    errors.DatabaseNotAtHeadError(["one"], ["one"], [], [("public.status", ["a"], ["a", "b"])]),
    errors.ConcurrentRunError(),
    errors.MigrationLockedError("app", "process 12 (alembic)", 60),
    errors.MigrationLockUnavailableError("app", 60, "it needs a second connection", "ALTER ROLE app CONNECTION LIMIT 20"),
    errors.MigrationLockLostError("app", "connection was closed"),
    errors.LockTimeoutError(FAILURE, "ALTER TABLE post", "canceling statement", attempts=3, blockers=["process 7"]),
    errors.ServerSilentError(FAILURE, "COMMIT", 60),
    errors.ShadowError('The role "app" may not create a database', FIX),
    errors.ServerWideStatementError("CREATE ROLE app"),
    errors.ScriptError(["one.py:12 begins or ends a transaction"], FIX),
    errors.RevisionNotFoundError("nowhere", ["one"], ["two"]),
    errors.SeveralHeadsError(["one", "two"]),
    errors.DuplicateRevisionError("one", [Path("/app/one.py"), Path("/app/copy.py")]),
    errors.InvalidTargetError("+1", "+1 is 1 revision on, and none is pending", FIX),
    errors.AmbiguousDowngradeError(["three"], ["one", "two"], "One step back from three leads to each of one, two", FIX),
    errors.RevisionFailedError(FAILURE, 'column "title" of relation "post" contains null values', FIX),
    errors.BlockingOperationError("op.create_index", "public.post", 10, "writes", "writes of public.post", FIX, FIX),
    errors.BlockingReasonError(""),
    errors.ExistingTablesError(["post"], ["note"]),
    errors.UnversionedTablesError(["post"], [], "two", "two"),
    errors.UnversionedTablesError(["post"], ["column post.title"], "two", "one"),
    errors.UnversionedTablesError(["post"], ["column post.title"], "two", None),
    errors.BaselineError(["one"]),
    errors.ExistingEnumsError(["public.status"]),
    errors.EnumDeclarationsDifferError("public.status", ("post.one", ["a"]), ("note.two", ["b"]), "post_one"),
    errors.PluginFailedError("plugin", "plugin.compare", "/plugin.py:3", "ValueError: no", installed=True),
    errors.RenameAnswerError.malformed("rename=item.raw"),
    errors.RenameAnswerError.malformed("rename=raw:data").with_fitting(["alembic -x rename=item.raw:data revision"]),
    errors.RenameAnswerError.of_value("rename=a.b:c", "op.rename_enum_value('a', 'b', 'c')", "alembic revision"),
    errors.RenameAnswerError.unfit("rename=a.b:c", (["a.x"], ["a.c"]), ["alembic -x rename=a.x:c revision"], "alembic revision"),
    errors.RenameAnswerError.unsupported("rename=a.b:c", "mysql"),
    errors.RenameTrialError("-x rename=item.raw:raw_data", "must be owner of table item"),
    errors.SQLModelNotInstalledError(Path("/app/migrations/script.py.mako")),
    errors.EnumComparisonClashError("alembic_postgresql_enum", [(Path("/app/env.py"), 3)]),
    errors.InvalidEnumError("public.status", "The list of values is empty"),
    errors.UnknownEnumError("public.status", ["public.state"]),
    errors.UnknownEnumError("status", ["other.status"], elsewhere=True),
    errors.UnknownEnumError("public.status", []),
    errors.UnknownEnumValueError("public.status", "lve", ["draft", "live"], ["live"]),
    errors.EnumExistsError("public.status", ["draft"]),
    errors.EnumExistsError("public.status", ["draft"], wanted=["draft", "live"]),
    errors.EnumValueExistsError("public.status", "draft", "live", "op.remove_enum_value(...)", "op.remove_enum_value(...)"),
    errors.EnumValueExistsError("public.status", "draft", "live", "op.r(...)", "op.r(...)", is_used=True),
    errors.EnumInUseError("public.status", ["public.post.status"]),
    errors.EnumChangeBlockedError("public.status", [("function f()", "uses it")], "drop it first", "op.execute('DROP ...')"),
    errors.EnumValueInUseError("public.status", ["draft"], {"public.post.status": 1}, [], "op.remove_enum_value(...)"),
    errors.EnumValueInUseError("public.status", ["a", "b"], {"public.post.status": 1}, [], "op.r(...)", ["draft", "live"]),
    errors.EnumChangeFailedError("public.status", "LOCK TABLE post", "canceling statement", ["process 7"]),
    errors.EnumOfflineError("public.status", "remove_enum_value"),
    errors.UncommittedWorkError("public.status", "live"),
    errors.UncommittedWorkError("", "", in_block=True),
    errors.OnlineRefusedError("op.add_column", "it rewrites the table", "add it without the default"),
    errors.OnlineDefinitionError('Index "ix"', "CREATE INDEX ix ON post (n)", "CREATE INDEX ix ON post (m)"),
    errors.UncommittedWorkError("public.status", "live", "op.create_enum(...)"),
    errors.UncommittedEnumValueError("unsafe use of new value"),
    errors.EnumCheckError("status", ["live"], "mysql", "post", "ck", "status IN ('draft')"),
    errors.OperationClashError("add_enum_value", ["one", "two"], "fit none of them"),
]
each = pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)


def test_every_error_is_tried() -> None:
    """A class that is added is added above too."""
    assert {type(error).__name__ for error in EXAMPLES} | BASES | {"Failure"} == set(errors.__all__)


@each
def test_a_block_is_labelled(error: AlembicAsyncTemplateError) -> None:
    """Each line but the first begins with a label, or lies below one; no part is missing that the error has."""
    first, *others = str(error).splitlines()
    assert re.match(r"\S", first)
    assert all(re.match(r" {9}\S|  (where|state|first|fix  |or   |then |see  )  \S|         ", line) for line in others), str(
        error
    )
    assert error.where.splitlines() == [line[9:] for line in others if line[9:] in error.where.splitlines()]
    assert error.fix is not None
    assert f"  fix    {error.fix}" in others or f"  fix    {error.fix}:" in others
    assert error.example is None or all(f"         {line}" in others for line in error.example.splitlines())


@each
def test_one_line_has_the_same_parts(error: AlembicAsyncTemplateError) -> None:
    """A logger gets them all on one line."""
    assert "\n" not in error.one_line
    words = re.sub(r"^  (\w+) +", r"\1: ", str(error), flags=re.MULTILINE).split()
    missing = [word for word in words if word.rstrip(":;") not in error.one_line]
    assert missing == []


@each
def test_an_error_is_copied_whole(error: AlembicAsyncTemplateError) -> None:
    """A pickled or copied error keeps all of its parts."""
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(copied) is type(error)
        assert (str(copied), copied.one_line, vars(copied)) == (str(error), error.one_line, vars(error))


def test_a_failed_revision_is_printed_as_the_design_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happened, where, what is committed, the fix, the line to type; the file from the working directory."""
    error = errors.RevisionFailedError(FAILURE, 'column "title" of relation "post" contains null values', FIX)
    block = """\
column "title" of relation "post" contains null values
  where  revision 4f2a "add title", {file}:31
         op.alter_column("post", "title", nullable=False)
  state  rolled back; applied before it in this run: 1a2b, 3c4d
  fix    fill the rows first, in the same revision:
         op.execute("UPDATE post SET title = '' WHERE title IS NULL")"""
    assert str(error) == block.format(file="/app/migrations/versions/4f2a_add_title.py")
    monkeypatch.setattr(Path, "cwd", lambda: Path("/app"))
    assert str(error) == block.format(file="migrations/versions/4f2a_add_title.py")
    assert error.one_line == (
        'column "title" of relation "post" contains null values'
        ' | where: revision 4f2a "add title", migrations/versions/4f2a_add_title.py:31; '
        'op.alter_column("post", "title", nullable=False)'
        " | state: rolled back; applied before it in this run: 1a2b, 3c4d"
        " | fix: fill the rows first, in the same revision: op.execute(\"UPDATE post SET title = '' WHERE title IS NULL\")"
    )


def test_a_long_headline_is_not_folded() -> None:
    """Alembic would fold it to the width of the terminal; lines of the text itself lie below it."""
    long = "word " * 100 + "end"
    assert str(AlembicAsyncTemplateError(f"{long}\nnext")) == f"{long}\n         next"


def test_statements_on_lines_of_their_own() -> None:
    """On one line, each keeps its one semicolon."""
    error = AlembicAsyncTemplateError("no", Fix("type", "BEGIN;\nCOMMIT;"))
    assert error.one_line == "no | fix: type: BEGIN; COMMIT;"


def test_an_invalid_index_is_dropped_first() -> None:
    """The advice to drop the index comes before the fix of the error itself."""
    failure = errors.Failure(revision="one", committed=True, invalid_indexes=("ix",))
    assert str(errors.RevisionFailedError(failure, "no", FIX)).splitlines()[2:5] == [
        "  state  what it had committed before stays, and the invalid index ix; applied before it in this run: none",
        "  first  drop the invalid index:",
        "         DROP INDEX CONCURRENTLY ix",
    ]
