"""What autogenerate leaves out of a comparison, and how the operations of a revision are completed."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from sqlalchemy import ForeignKeyConstraint, MetaData, text
from sqlalchemy.engine import Connection

from ..diagnosis.several_heads import explain_several_heads
from ..diagnosis.typed import read_typed, type_again
from .comments import CommentOp
from .data_loss import advise_left_out, comment_losses, join_advice
from .online_revisions import write_online
from .operation_tree import drop_empty_containers, find_table, list_operations, list_table_operations, map_tables
from .portable_enums import add_enum_types
from .rename_operations import TRANSACTIONAL, advise_renames
from .renames import Rename, choose_together
from .required_columns import comment_required_columns
from .schema_objects import add_schema_objects
from .text_to_enum import advise_texts

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext

log = logging.getLogger("alembic_async_template.autogenerate")

_EXTENSION_TABLES = text(
    "SELECT n.nspname AS schema, c.relname AS name FROM pg_catalog.pg_depend d "
    "JOIN pg_catalog.pg_class c ON c.oid = d.objid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'e' AND c.relkind IN ('r', 'p', 'f')"
)

IncludeName = Callable[[str | None, str, dict[str, str | None]], bool]
Directives = list[ops.MigrationScript]
SettleRenames = Callable[["MigrationContext", ops.MigrationScript], Sequence[Rename]]
ProcessDirectives = Callable[["MigrationContext", Any, Directives], None]


def model_schemas(metadatas: Iterable[MetaData]) -> tuple[str, ...]:
    """The schemas that the models name, in a stable order."""
    return tuple(sorted({table.schema for metadata in metadatas for table in metadata.tables.values() if table.schema}))


def filter_names(
    connection: Connection,
    metadatas: Sequence[MetaData],
    others: Sequence[MetaData],
    given: IncludeName | None,
    *,
    baseline: bool,
    every_schema: bool,
) -> IncludeName:
    """The `include_name` of a comparison: the models' schemas, and no table that belongs to an extension, or to other MetaData.

    :param others: what the application declares for other databases.
    :param every_schema: whether the project itself asked for `include_schemas`, and chooses among them.
    """
    schemas = {None, *model_schemas(metadatas)}
    declared = {(table.schema, table.name) for metadata in metadatas for table in metadata.tables.values()}
    strangers = {(table.schema, table.name) for metadata in others for table in metadata.tables.values()}
    if connection.dialect.name == "postgresql":
        default = connection.dialect.default_schema_name
        rows = connection.execute(_EXTENSION_TABLES)
        strangers |= {(None if row.schema == default else row.schema, row.name) for row in rows}
    strangers -= declared

    def include_name(name: str | None, type_: str, parents: dict[str, str | None]) -> bool:
        if type_ == "schema" and name not in schemas and not every_schema:
            return False
        if type_ == "enum" and baseline:
            return False
        if type_ == "table" and (baseline or (parents.get("schema_name"), name) in strangers):
            return False
        return given is None or given(name, type_, parents)

    return include_name


def process_directives(
    config: Config,
    metadatas: Sequence[MetaData],
    given: ProcessDirectives | None,
    settle_renames: SettleRenames | None,
    find_left_out: Callable[[str], Sequence[str]],
    *,
    baseline: bool,
    writes: bool,
    online: bool = False,
    heads: Sequence[str] = (),
) -> ProcessDirectives:
    """The `process_revision_directives` of a comparison.

    Renames are settled first. Enum types, schemas and sequences are created before their tables, then `given` may change the
    revision, then what loses data is said and a revision with nothing to do is not written.

    :param settle_renames: writes renames in place of what is dropped and added, and returns those that may be and are not known.
    :param find_left_out: the modules that seem to declare a table, by its name, and that are left out of the comparison.
    :param writes: whether the command writes a revision; `alembic check` looks at the operations only.
    :param online: whether what would block a large table is written in `with op.online():`.
    :param heads: the newest revisions, after one of which it is written.
    """

    def process_revision_directives(context: MigrationContext, revision: Any, directives: Directives) -> None:
        open_renames = settle_renames(context, directives[0]) if settle_renames and directives else ()
        for directive in directives:
            _keep_equal_foreign_keys(context, directive)
            if writes:
                add_enum_types(context, directive, metadatas)
            add_schema_objects(context, directive, metadatas, baseline=baseline)
            if context.dialect.name in {"mysql", "mariadb"}:
                for container in (*directive.upgrade_ops_list, *directive.downgrade_ops_list):
                    _leave_indexes_to_their_table(container)
        if given is not None:
            given(context, revision, directives)
        if online and len(directives) == 1:  # a hook that writes several has an order of its own
            write_online(context, directives)
        if writes:
            losses: list[str] = []
            required: list[str] = []
            for upgrade_ops in (one for directive in directives for one in directive.upgrade_ops_list):
                required_here, losses_here = _comment(context, upgrade_ops, metadatas, open_renames, find_left_out)
                required += required_here
                losses += losses_here
            if losses:
                log.warning("This revision loses data, as its comments say: %s", ", ".join(losses))
            if required:
                log.warning(
                    "Rows that exist need a value, as the comments of this revision say: column %s", ", column ".join(required)
                )
            if losses and (likely := choose_together(open_renames)) and context.dialect.name in TRANSACTIONAL:
                answers = [shlex.split(rename.argument)[1] for rename in likely]
                again = "this revision and write it again" if len(directives) == 1 else "these revisions and write them again"
                log.warning("If these were renamed, remove %s: %s", again, type_again(answers))
        if writes and directives and all(_is_empty(directive) for directive in directives):
            directives.clear()
            config.print_stdout("No difference between the models and the database: no revision was written.")
        for directive in directives:
            refuse_several_heads(heads, directive.head, config)

    return process_revision_directives


def refuse_several_heads(heads: Sequence[str], head: str | None, config: Config) -> None:
    """Make sure that a revision can follow what it is to follow, by default the only head.

    :raises SeveralHeadsError: there are several heads.
    """
    if len(heads) > 1 and head in {None, "head"}:
        raise explain_several_heads(heads, read_typed(config, "revision"))


def _comment(
    context: MigrationContext,
    upgrade_ops: ops.UpgradeOps,
    metadatas: Sequence[MetaData],
    open_renames: Sequence[Rename],
    find_left_out: Callable[[str], Sequence[str]],
) -> tuple[list[str], list[str]]:
    """Say in front of each operation why it fails, or what it loses; returns the columns that fail, and the losses.

    Where `env.py` compares several databases for one revision, operations that have their comments come here again.
    """
    if any(isinstance(operation, CommentOp) for operation in list_operations(upgrade_ops)):
        return [], []
    as_batch = bool(context.opts.get("render_as_batch"))
    tables = map_tables(metadatas, context.dialect)
    required = comment_required_columns(upgrade_ops, context.dialect, tables, open_renames, as_batch=as_batch)
    advise = join_advice(
        advise_left_out(find_left_out), advise_renames(open_renames, context.dialect), advise_texts(tables, context.dialect)
    )
    return required, comment_losses(upgrade_ops, context.dialect, advise)


def _is_empty(directive: ops.MigrationScript) -> bool:
    return all(upgrade_ops.is_empty() for upgrade_ops in directive.upgrade_ops_list)


def _keep_equal_foreign_keys(context: MigrationContext, directive: ops.MigrationScript) -> None:
    """Leave out the foreign keys that differ only in the default schema, which models may name and reflection does not."""
    default = context.dialect.default_schema_name

    def describe(operation: ops.MigrateOperation) -> str | None:
        if not isinstance(operation, ops.CreateForeignKeyOp | ops.DropConstraintOp):
            return None
        constraint = operation.to_constraint()
        if not isinstance(constraint, ForeignKeyConstraint):
            return None
        targets = [element.target_fullname.removeprefix(f"{default}.") for element in constraint.elements]
        rules = (constraint.ondelete, constraint.onupdate, constraint.deferrable, constraint.initially)
        return repr((constraint.column_keys, targets, rules))

    for upgrade_ops, downgrade_ops in zip(directive.upgrade_ops_list, directive.downgrade_ops_list, strict=True):
        tables = list_table_operations(upgrade_ops)
        described = [
            ((table_ops.schema, table_ops.table_name, text), inner)
            for table_ops in tables
            for inner in table_ops.ops
            if (text := describe(inner))
        ]
        added = {key for key, inner in described if isinstance(inner, ops.CreateForeignKeyOp)}
        dropped = {key for key, inner in described if isinstance(inner, ops.DropConstraintOp)}
        equal = {inner for key, inner in described if key in added & dropped}
        for table_ops in tables:
            table_ops.ops = [inner for inner in table_ops.ops if inner not in equal]
        if equal:
            drop_empty_containers(upgrade_ops)
            upgrade_ops.reverse_into(downgrade_ops)


def _leave_indexes_to_their_table(container: ops.OpContainer) -> None:
    """Drop no index of a table that is dropped right after: MySQL refuses to drop an index that a foreign key needs.

    See https://dev.mysql.com/doc/refman/8.4/en/create-table-foreign-keys.html.
    """
    dropped = {find_table(operation) for operation in container.ops if isinstance(operation, ops.DropTableOp)}
    container.ops = [
        operation
        for operation in container.ops
        if not (
            isinstance(operation, ops.ModifyTableOps)
            and find_table(operation) in dropped
            and all(isinstance(inner, ops.DropIndexOp) for inner in operation.ops)
        )
    ]
