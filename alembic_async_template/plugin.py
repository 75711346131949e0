"""The plugin that Alembic loads: the only place where anything is registered with Alembic.

Alembic calls `setup` while `alembic` itself is half imported, at every start of every program that imports it. So nothing
heavy is imported here: tables name what is called, by module and function, and each module is imported at the first call. No
failure gets out, since an exception here would break `import alembic` for every program on the machine.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial, wraps
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic.runtime.plugins import Plugin


class _IterableModule(ModuleType):
    """Alembic 1.18.0 to 1.20.0 iterates over what the entry point loads, 1.20.1 takes a module only: this is both."""

    def __iter__(self) -> Iterator[ModuleType]:
        yield self


sys.modules[__name__].__class__ = _IterableModule

# The directives, in `alembic.op` and on `Operations`; `op.py` documents them.
DIRECTIVES = (
    "add_enum_value",
    "remove_enum_value",
    "reorder_enum_values",
    "replace_enum_values",
    "rename_enum_value",
    "create_enum",
    "drop_enum",
    "rename_enum",
    "online",
    "blocking",
)

# What writes an operation into a revision, by the module and class of the operation.
_RENDERERS = {
    ".enums.ops": ("EnumOperation", ".autogenerate.render_enums", "render"),
    ".autogenerate.enum_changes": ("EnumChangeOps", ".autogenerate.render_enums", "render"),
    ".autogenerate.column_conversions": ("ConvertColumnOp", ".autogenerate.render_enums", "render"),
    ".autogenerate.check_operations": ("CreateCheckOp", ".autogenerate.check_operations", "render_check"),
    ".autogenerate.blocks": ("BlockOps", ".autogenerate.blocks", "render_block"),
    ".autogenerate.comments": ("CommentOp", ".autogenerate.comments", "render_comment"),
    ".autogenerate.rename_operations": ("RenameOp", ".autogenerate.rename_operations", "render_rename"),
    ".autogenerate.identity": ("AlterIdentityOp", ".autogenerate.identity", "render_identity"),
    ".autogenerate.unnamed_keys": ("UnnamedKeysOps", ".autogenerate.unnamed_keys", "render"),
}

# Other packages that register an operation named `add_enum_value` when these modules are imported.
_OTHER_ENUM_PACKAGES = ("alembic_pg_enum_generator.add_enum_value_op", "alembic_postgresql_enum.operations.add_enum_values")


# What a comparison calls, by target, element and dialect. Comparators of one element can stop each other: "types",
# "server_default" and "checkconstraints" are Alembic's own, see https://alembic.sqlalchemy.org/en/latest/api/plugins.html.
_COMPARATORS = [
    (".enums.clash", "refuse_other_comparators", "autogenerate", "others", "postgresql", "FIRST"),
    (".autogenerate.compare_enums", "compare_column", "column", "enums", "postgresql", "MEDIUM"),
    (".autogenerate.compare_enums", "compare_type", "column", "types", "postgresql", "MEDIUM"),
    (".autogenerate.type_arguments", "compare_type_arguments", "column", "types", "postgresql", "LAST"),
    (".autogenerate.type_arguments", "compare_type_arguments", "column", "types", "sqlite", "LAST"),
    (".autogenerate.constraints", "sort_tables", "autogenerate", "constraints", "default", "FIRST"),
    (".autogenerate.serial_columns", "find_serial_columns", "autogenerate", "serial", "postgresql", "FIRST"),
    (".autogenerate.index_options", "compare_index_texts", "autogenerate", "index_options", "postgresql", "FIRST"),
    (".autogenerate.server_comparison", "settle_differences", "autogenerate", "server_comparison", "postgresql", "LAST"),
    (".autogenerate.check_constraints", "compare_checks", "autogenerate", "checks", "postgresql", "LAST"),
    (".autogenerate.compare_enums", "compare_enums", "autogenerate", "enums", "postgresql", "LAST"),
    (".autogenerate.serial_columns", "alter_sequences", "autogenerate", "serial", "postgresql", "LAST"),
    (".autogenerate.constraints", "arrange_constraints", "autogenerate", "constraints", "default", "LAST"),
    (".autogenerate.compare_enums", "compare_table", "table", "enums", "postgresql", "MEDIUM"),
    (".autogenerate.check_constraints", "note_table", "table", "checkconstraints", "postgresql", "FIRST"),
    (".autogenerate.server_defaults", "compare_server_default", "column", "server_default", "default", "MEDIUM"),
    (".autogenerate.identity", "compare_identity", "column", "server_default", "postgresql", "FIRST"),
    (".autogenerate.identity", "write_identities", "autogenerate", "identity", "postgresql", "LAST"),
]


def setup(plugin: Plugin) -> None:
    """Register directives, operations, comparators, renderers, template and write hook; a failure becomes a warning."""
    _guard(lambda: _register(plugin))


def _register(plugin: Plugin) -> None:
    from alembic.operations import Operations
    from alembic.util import DispatchPriority
    from wrapt import register_post_import_hook

    for name in DIRECTIVES:
        setattr(Operations, name, _make_directive(name))
    for owner, function, target, element, dialect, priority in _COMPARATORS:
        comparator = partial(_call, owner, function)
        plugin.add_autogenerate_comparator(comparator, target, element, qualifier=dialect, priority=DispatchPriority[priority])
    hooks: dict[str, Callable[[ModuleType], None]] = {
        **{f"{__package__}{module}": _register_renderers for module in _RENDERERS},
        f"{__package__}.enums.ops": _register_implementations,
        f"{__package__}.online.online_op": _register_block,
        "alembic.config": _wrap_config,
        "alembic.command": _wrap_command,
        "alembic.script.write_hooks": _add_write_hook,
        **dict.fromkeys(_OTHER_ENUM_PACKAGES, _share_directive),
    }
    for module, hook in hooks.items():
        register_post_import_hook(partial(_guard, hook), module)


def _make_directive(name: str) -> Callable[..., Any]:
    def directive(operations: Any, *arguments: Any, **options: Any) -> Any:
        return _call(".op", "invoke_on", operations, name, *arguments, **options)

    directive.__name__ = name
    directive.__doc__ = f"See `alembic_async_template.op.{name}`."
    return directive


def _register_implementations(ops: ModuleType) -> None:
    from alembic.operations import Operations

    @Operations.implementation_for(ops.EnumOperation)
    def carry_out(operations: Any, operation: Any) -> None:
        _call(".enums.toimpl", "carry_out", operation, operations)

    _register_renderers(ops)


def _register_block(online_op: ModuleType) -> None:
    from alembic.operations import Operations

    @Operations.implementation_for(online_op.OnlineOp)
    def open_block(operations: Any, _operation: Any) -> Any:
        return _call(".online.online_block", "open_block", operations)


def _register_renderers(module: ModuleType) -> None:
    from alembic.autogenerate.render import renderers

    class_, owner, function = _RENDERERS[module.__name__.removeprefix(__package__ or "")]
    renderers.dispatch_for(getattr(module, class_))(partial(_call, owner, function))


def _wrap_config(config: ModuleType) -> None:
    from . import _compat

    _compat.replace_template_path(config.Config, partial(_call, ".commands.wrappers", "find_templates"))
    for name in ("main", "run_cmd"):
        _wrap_method(config.CommandLine, name)


def _add_write_hook(write_hooks: ModuleType) -> None:
    """See https://alembic.sqlalchemy.org/en/latest/autogenerate.html#custom-hook."""
    write_hooks.register("ruff_if_installed")(partial(_call, ".commands.write_hook", "tidy_revision"))


def _share_directive(_module: ModuleType) -> None:
    """Let each package have its own calls, after one more has registered its operation."""
    from alembic.operations import Operations

    Operations.add_enum_value = lambda *arguments, **options: _call(".enums.clash", "add_enum_value", *arguments, **options)


def _wrap_command(command: ModuleType) -> None:
    stock = command.init

    @wraps(stock)
    def init(config: Any, directory: str, template: str = "generic", package: bool = False) -> Any:  # the options of the command
        return _call(".commands.wrappers", "init", stock, config, directory, template, package)

    command.init = init  # type: ignore[attr-defined]
    for name in ("generate_revision", "run_env"):
        _wrap_method(command.ScriptDirectory, name)


def _wrap_method(class_: type, name: str) -> None:
    """Let calls go through the function of the same name in `commands.wrappers`, which gets Alembic's own first."""
    stock = getattr(class_, name)

    @wraps(stock)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        return _call(".commands.wrappers", name, stock, *arguments, **options)

    setattr(class_, name, wrapper)


@cache
def _find(owner: str, function: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(import_module(owner, __package__), function)
    return found


def _call(owner: str, function: str, *arguments: Any, **options: Any) -> Any:
    """Call a function of a module that is not imported before it is needed."""
    return _find(owner, function)(*arguments, **options)


def _guard(action: Callable[..., None], *arguments: Any) -> None:
    try:
        action(*arguments)
    except Exception as error:
        # From one line always, so that Python's filter shows the same cause once.
        warnings.warn(
            f"alembic-async-template could not be set up and is not available: {type(error).__name__}: {error}",
            RuntimeWarning,
            stacklevel=1,
        )
