"""Writes enum operations, and the enum types of columns, into a revision."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal

from alembic.autogenerate.render import render_op, render_op_text
from alembic.operations import ops
from sqlalchemy.types import TypeEngine

from .. import _compat
from ..application.column_types import find_implementation
from ..enums.calls import write_argument, write_call
from ..enums.model import qualify
from ..enums.ops import DIRECTIVES, CreateEnumOp, EnumOperation, RemoveEnumValueOp, RenameEnumOp, RenameEnumValueOp
from ..enums.replacements import pair_renames, suggest_replacements
from ..postgresql import escape_colons, quote_if_needed
from .column_conversions import ConvertColumnOp
from .comments import write_comment
from .enum_changes import EnumAdditionOps, EnumChangeOps, EnumRebuildOps
from .enum_columns import EnumUse, find_enum_use
from .render_types import RenderItem, render_variants

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


def render(context: AutogenContext, operation: ops.MigrateOperation) -> list[str]:
    """The lines of a revision for an operation of this package."""
    if isinstance(operation, EnumChangeOps):
        lines = [line for inner in operation.ops for line in render_op(context, inner)]
        if isinstance(operation, EnumAdditionOps):
            return lines + _comment_renames(context, operation)
        return _comment_removal(operation) + lines
    if isinstance(operation, ConvertColumnOp):
        return _render_conversion(context, operation)
    assert isinstance(operation, EnumOperation)
    comment = _comment_creation(context, operation) if isinstance(operation, CreateEnumOp) else []
    return [*comment, render_directive(operation, _prefix(context))]


def render_directive(operation: EnumOperation, prefix: str) -> str:
    """A call of a directive, without keyword arguments that are None or empty.

    :param prefix: what the revision has in front of the directive.
    """
    (directive,) = [name for name, class_ in DIRECTIVES.items() if class_ is type(operation)]
    arguments, options = [], {}
    for parameter in signature(type(operation)).parameters.values():
        if parameter.name in operation.for_reverse:
            continue
        value = getattr(operation, parameter.name)
        if parameter.kind is not parameter.KEYWORD_ONLY:
            arguments.append(value)
        else:
            options[parameter.name] = value
    return write_call(directive, *arguments, prefix=prefix, **options)


def _comment_renames(context: AutogenContext, additions: EnumChangeOps) -> list[str]:
    """Say what to write if a value was renamed; the comment follows all additions, which have to come first."""
    pairs = pair_renames(additions.existing_values, additions.values)
    if not pairs:
        return []
    renames = [RenameEnumValueOp(additions.enum_name, old, new, schema=additions.schema) for old, new in pairs.items()]
    was_renamed = [f"{write_argument(old)} was renamed to {write_argument(new)}" for old, new in pairs.items()]
    instead = f"the addition of {_join_words(list(map(write_argument, pairs.values())), 'and')}"
    # op.replace_enum_values is correct after a rename too, so it stays.
    (rebuild,) = EnumRebuildOps(additions.enum_name, additions.existing_values, additions.values).ops
    rest = f" and the removal of {write_argument(rebuild.value)}" if isinstance(rebuild, RemoveEnumValueOp) else ""
    return write_comment(
        f"If {_join_words(was_renamed, 'and')}, write this instead of {instead}{rest}:",
        [render_directive(rename, _prefix(context)) for rename in renames],
    )


def _comment_removal(rebuild: EnumChangeOps) -> list[str]:
    """Say what happens to the rows that hold a removed value."""
    removed = [value for value in rebuild.existing_values if value not in rebuild.values]
    if not removed or not rebuild.values:
        return []
    replacements = suggest_replacements(rebuild.existing_values, rebuild.values)
    written = write_argument(replacements if len(removed) > 1 else replacements[removed[0]])
    held = f"Refused while rows hold {_join_words(list(map(write_argument, removed)), 'or')}, unless it is told what they get"
    choice = ". Put values in place of the dots:" if ... in replacements.values() else ", for example:"
    return write_comment(held + choice, [f"replace_with={written}"])


def _comment_creation(context: AutogenContext, operation: CreateEnumOp) -> list[str]:
    """Say what to write if the type is an existing one under a new name, or in another schema."""
    if operation.renamed_from is None:
        return []
    schema, name = operation.renamed_from
    steps = []
    if operation.enum_name != name:
        steps.append(render_directive(RenameEnumOp(name, operation.enum_name, schema=schema), _prefix(context)))
    if operation.schema != schema:
        moved = ".".join(quote_if_needed(part) for part in (schema, operation.enum_name) if part)
        new_schema = quote_if_needed(operation.schema or context.dialect.default_schema_name or "public")
        statement = escape_colons(f"ALTER TYPE {moved} SET SCHEMA {new_schema}")
        steps.append(f"{_prefix(context)}execute({write_argument(statement)})")
    old, new = write_argument(qualify(name, schema)), write_argument(qualify(operation.enum_name, operation.schema))
    return write_comment(f"If {old} became {new}, write this instead of all that is here about the two types:", steps)


def _join_words(parts: Sequence[str], word: str) -> str:
    return f" {word} ".join([*([", ".join(parts[:-1])] if len(parts) > 1 else []), parts[-1]])


def _render_conversion(context: AutogenContext, operation: ConvertColumnOp) -> list[str]:
    """Alembic's `alter_column`, which does not render the USING clause, and the clause."""
    plain = ops.AlterColumnOp(
        operation.table_name,
        operation.column_name,
        schema=operation.schema,
        existing_type=operation.existing_type,
        existing_nullable=operation.existing_nullable,
        existing_comment=operation.existing_comment,
        modify_nullable=operation.modify_nullable,
        modify_type=operation.modify_type,
    )
    plain.modify_comment = operation.modify_comment
    text = render_op_text(context, plain)
    if operation.using is None:
        return [text]
    comment = write_comment("Refused unless each array has one element.") if operation.using.startswith("array_to_") else []
    return [*comment, f"{text.removesuffix(')')},\n{' ' * 11}postgresql_using={operation.using!r})"]


def _prefix(context: AutogenContext) -> str:
    return context.opts.get("alembic_module_prefix") or ""


def render_item(given: RenderItem | None, kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Render an enum type of a column so that the column does not create it: `op.create_enum` does.

    PostgreSQL's ENUM is text on a database without enum types, so that the revision runs there too.

    :param given: the `render_item` of `env.py`, which comes first.
    """
    rendered = given(kind, item, context) if given is not None else False
    if rendered is not False or kind != "type":
        return rendered
    return _render_column_type(item, context)


def _render_column_type(type_: TypeEngine[Any], context: AutogenContext) -> str | Literal[False]:
    use = find_enum_use(type_, context.dialect)
    if use is None or "postgresql" in _compat.type_variants(type_):  # a variant is rendered by itself
        return False
    context.imports.add("from sqlalchemy.dialects import postgresql")
    rendered = _render_enum(use)
    if use.is_array:
        dimensions = getattr(find_implementation(type_, context.dialect), "dimensions", None)
        rendered = f"postgresql.ARRAY({rendered}{f', dimensions={dimensions}' if dimensions else ''})"
    return rendered + render_variants(type_, context)


def _render_enum(use: EnumUse) -> str:
    arguments = [*map(write_argument, use.labels), f"name={write_argument(use.name)}"]
    if use.schema:
        arguments.append(f"schema={write_argument(use.schema)}")
    if use.enum.create_constraint:
        arguments.append("create_constraint=True")
    if use.labels and use.enum.length not in (None, max(map(len, use.labels))):
        arguments.append(f"length={use.enum.length}")
    return f"postgresql.ENUM({', '.join(arguments)}, create_type=False)"
