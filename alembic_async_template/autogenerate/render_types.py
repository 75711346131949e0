"""Renders what Alembic writes in a way that does not run: types of other packages, some defaults and primary keys."""

from __future__ import annotations

import ast
import importlib
import inspect
import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from alembic.ddl.impl import DefaultImpl
from sqlalchemy import PrimaryKeyConstraint, literal
from sqlalchemy.dialects import registry
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.naming import conv
from sqlalchemy.types import Enum, String, TypeDecorator, TypeEngine

from .. import _compat, postgresql
from ..errors import SQLModelNotInstalledError
from ..postgresql import escape_colons

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.script import ScriptDirectory

log = logging.getLogger("alembic_async_template.autogenerate")

# The line of a script.py.mako that gives every revision SQLModel's types.
SQLMODEL_IMPORT = re.compile(r"^import sqlmodel\b.*\n", re.MULTILINE)

RenderItem = Callable[[str, Any, "AutogenContext"], str | Literal[False]]
Warn = Callable[[str], None]


def render_items(given: RenderItem | None) -> RenderItem:
    """The `render_item` of a comparison: the one given in `env.py` first, then this module's.

    A warning about a type is logged once, however many columns have the type.
    """
    said: set[str] = set()

    def warn(message: str) -> None:
        if message not in said:
            said.add(message)
            log.warning("%s", message)

    def render_item(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
        rendered = given(kind, item, context) if given is not None else False
        if rendered is not False:
            return rendered
        match kind:
            case "type":
                return _render_type(item, context, warn)
            case "primary_key":
                return _render_primary_key(item, context)
            case "server_default":
                return _render_server_default(item, context)
            case _:
                return False

    return render_item


def _render_server_default(default: Any, context: AutogenContext) -> str | Literal[False]:
    """A string that begins or ends with a quote, which Alembic would remove."""
    value = getattr(default, "arg", default)
    if not isinstance(value, str) or not (value.startswith("'") or value.endswith("'")):
        return False
    assert context.dialect is not None
    return f"{context.opts['sqlalchemy_module_prefix'] or ''}text({escape_colons(_write_string(value, context.dialect))!r})"


def _write_string(value: str, dialect: Dialect) -> str:
    """A string constant in the SQL of a database."""
    if dialect.name == "postgresql":
        return postgresql.literal(value)
    written = str(literal(value, String()).compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    # For these drivers, text() doubles percent signs when the revision runs.
    return written.replace("%%", "%") if dialect.paramstyle in {"format", "pyformat"} else written


def _render_primary_key(constraint: PrimaryKeyConstraint, context: AutogenContext) -> str | Literal[False]:
    """The options of a primary key, which Alembic leaves out; a key without any is left to it."""
    known = {"deferrable": constraint.deferrable, "initially": constraint.initially, **constraint.dialect_kwargs}
    options = {option: repr(value) for option, value in known.items() if value}
    if not options:
        return False
    if isinstance(constraint.name, conv):
        options["name"] = f"{context.opts['alembic_module_prefix'] or ''}f({str(constraint.name)!r})"
    elif isinstance(constraint.name, str):
        options["name"] = repr(str(constraint.name))
    arguments = [*(repr(str(column.name)) for column in constraint.columns), *(f"{name}={options[name]}" for name in options)]
    return f"{context.opts['sqlalchemy_module_prefix'] or ''}PrimaryKeyConstraint({', '.join(arguments)})"


def require_sqlmodel(script: ScriptDirectory) -> None:
    """Refuse to write a revision that would not run without SQLModel, which this package's template imports.

    Alembic imports each revision that it has written, so the file would be there, and every later command would fail.

    :raises SQLModelNotInstalledError: the template of revisions imports it.
    """
    text = read_script_template(script)
    if "alembic_async_template" in text and SQLMODEL_IMPORT.search(text):
        raise SQLModelNotInstalledError(Path(script.dir, "script.py.mako"))


def read_script_template(script: ScriptDirectory | None) -> str:
    """The text that new revisions are made from."""
    file = Path(script.dir, "script.py.mako") if script is not None else None
    return file.read_text() if file is not None and file.is_file() else ""


def _render_type(type_: TypeEngine[Any], context: AutogenContext, warn: Warn) -> str | Literal[False]:
    if _find_package(type_) in {"sqlalchemy", "alembic"}:
        rendered = _render_dialect_type(type_, context)
    elif (underneath := _find_enum(type_, context)) is not None:
        return _compat.render_type(underneath, context)
    else:
        rendered = _render_foreign_type(type_, context, warn)
    return rendered if rendered is False else rendered + render_variants(type_, context)


def render_variants(type_: TypeEngine[Any], context: AutogenContext) -> str:
    """The calls that add to a rendered type its variants for other databases."""
    variants = _compat.type_variants(type_).items()
    return "".join(f".with_variant({_compat.render_type(variant, context)}, {dialect!r})" for dialect, variant in variants)


def _render_dialect_type(type_: TypeEngine[Any], context: AutogenContext) -> str | Literal[False]:
    """A type of another dialect, as Alembic writes it on that database: `JSONB(astext_type=Text())` does not run."""
    package, _, name = type(type_).__module__.rpartition(".")[0].rpartition(".")
    assert context.dialect is not None
    if package != "sqlalchemy.dialects" or name == context.dialect.name:
        return False
    dialect = registry.load(name)()
    implementation = DefaultImpl.get_by_dialect(dialect)(dialect, None, False, None, None, {})
    rendered = implementation.render_type(type_, context)
    if not rendered and getattr(type_, "create_type", True) is False and "create_type" not in repr(type_):
        rendered = f"{name}.{repr(type_)[:-1]}, create_type=False)"  # SQLAlchemy 2.0 leaves it out
    if rendered:
        context.imports.add(f"from sqlalchemy.dialects import {name}")
    return rendered


def _find_enum(type_: TypeEngine[Any], context: AutogenContext) -> TypeEngine[Any] | None:
    """The enum type, or the array of one, under a type: a revision keeps the labels of today."""
    if isinstance(type_, Enum):
        generic: TypeEngine[Any] = type_.as_generic()  # type: ignore[no-untyped-call]
        return generic
    while isinstance(type_, TypeDecorator):
        type_ = type_.load_dialect_impl(context.dialect)
    return type_ if isinstance(getattr(type_, "item_type", type_), Enum) else None


def _find_package(type_: TypeEngine[Any]) -> str:
    return type(type_).__module__.partition(".")[0]


def _render_foreign_type(type_: TypeEngine[Any], context: AutogenContext, warn: Warn) -> str | Literal[False]:
    name = type(type_).__name__
    if _find_package(type_) == "sqlmodel" and name == "AutoString":
        if not SQLMODEL_IMPORT.search(read_script_template(context.migration_context.script)):
            context.imports.add("import sqlmodel")
        return f"sqlmodel.{type_!r}"
    problem = _explain_repr(type_)
    if problem is None:
        context.imports.add(f"import {type(type_).__module__}")
        return f"{type(type_).__module__}.{type_!r}"
    if not isinstance(type_, TypeDecorator):
        warn(f"Type {name} cannot be rendered so that the revision runs: {problem}. Correct it by hand")
        return False
    assert context.dialect is not None
    underneath = type_.load_dialect_impl(context.dialect)
    module = type(underneath).__module__
    if module.startswith("sqlalchemy.dialects.") and not hasattr(
        sys.modules[module.rpartition(".")[0]], type(underneath).__name__
    ):
        underneath = underneath.as_generic(allow_nulltype=True)  # a class that its dialect does not export
    rendered = _compat.render_type(underneath, context)
    warn(f"Type {name} is rendered as {rendered}, which is underneath: {problem}")
    return rendered


def _explain_repr(type_: TypeEngine[Any]) -> str | None:
    """Why `module.repr(type_)` would not build this type in a revision, None when it would; a repr may hold a secret."""
    class_ = type(type_)
    module, name = class_.__module__, class_.__qualname__
    try:
        importable = getattr(importlib.import_module(module), name, None) is class_
    except ImportError:
        importable = False
    if not importable or module == "__main__":
        return f"{module}.{name} cannot be imported"
    try:
        call = ast.parse(repr(type_), mode="eval").body
    except SyntaxError:
        return "its repr is not a Python expression"
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != name:
        return f"its repr does not call {name}"
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    if any(isinstance(node, ast.Name) for value in values for node in ast.walk(value)):
        return "its repr needs names that a revision does not have"
    try:
        inspect.signature(class_).bind(*call.args, **{keyword.arg or "": keyword.value for keyword in call.keywords})
    except TypeError as error:
        return f"{name} does not take the arguments that its repr shows ({error})"
    return None
