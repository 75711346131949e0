"""The plugin that Alembic loads: the only place where anything is registered with Alembic.

Alembic calls `setup` while `alembic` itself is half imported, at every start of every program that imports it. So nothing
heavy is imported here, what needs the rest of Alembic waits until that is imported, and no fault gets out:
an exception here would break `import alembic` for every program on the machine.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial
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

# What is called with a module of Alembic, or of another plugin, as soon as that has been imported.
_WHEN_IMPORTED = {
    "alembic.config": (".commands.wrappers", "add_template"),
    "alembic.command": (".commands.wrappers", "wrap_commands"),
    "alembic.script.write_hooks": (".commands.write_hook", "register"),
    "alembic_pg_enum_generator.add_enum_value_op": (".enums.clash", "share_directive"),
    "alembic_postgresql_enum.operations.add_enum_values": (".enums.clash", "share_directive"),
}


# What a comparison calls, by target, element and dialect. Comparators of one element can stop each other: "types" and
# "server_default" are Alembic's own, see https://alembic.sqlalchemy.org/en/latest/api/plugins.html.
_COMPARATORS = [
    (".enums.clash", "refuse_other_comparators", "autogenerate", "others", "postgresql", "FIRST"),
    (".autogenerate.compare_enums", "compare_column", "column", "enums", "postgresql", "MEDIUM"),
    (".autogenerate.compare_enums", "compare_type", "column", "types", "postgresql", "MEDIUM"),
    (".autogenerate.constraints", "sort_tables", "autogenerate", "constraints", "default", "FIRST"),
    (".autogenerate.serial_columns", "find_serial_columns", "autogenerate", "serial", "postgresql", "FIRST"),
    (".autogenerate.index_options", "compare_index_texts", "autogenerate", "index_options", "postgresql", "FIRST"),
    (".autogenerate.server_comparison", "settle_differences", "autogenerate", "server_comparison", "postgresql", "LAST"),
    (".autogenerate.compare_enums", "compare_enums", "autogenerate", "enums", "postgresql", "LAST"),
    (".autogenerate.serial_columns", "alter_sequences", "autogenerate", "serial", "postgresql", "LAST"),
    (".autogenerate.constraints", "arrange_constraints", "autogenerate", "constraints", "default", "LAST"),
    (".autogenerate.compare_enums", "compare_table", "table", "enums", "postgresql", "MEDIUM"),
    (".autogenerate.server_defaults", "compare_server_default", "column", "server_default", "default", "MEDIUM"),
    (".autogenerate.identity", "compare_identity", "column", "server_default", "postgresql", "FIRST"),
    (".autogenerate.identity", "write_identities", "autogenerate", "identity", "postgresql", "LAST"),
]


def setup(plugin: Plugin) -> None:
    """Register operations, comparators, renderers, template and write hook; a fault becomes a warning that names its cause."""
    _guard(lambda: _register(plugin))


def _register(plugin: Plugin) -> None:
    from alembic.autogenerate.render import renderers
    from alembic.util import DispatchPriority
    from wrapt import register_post_import_hook

    from .enums.ops import EnumOperation

    renderers.dispatch_for(EnumOperation)(partial(_call, ".autogenerate.render_enums", "render"))
    for owner, function, target, element, dialect, priority in _COMPARATORS:
        comparator = partial(_call, owner, function)
        plugin.add_autogenerate_comparator(comparator, target, element, qualifier=dialect, priority=DispatchPriority[priority])
    for module, (owner, function) in _WHEN_IMPORTED.items():
        register_post_import_hook(partial(_call_guarded, owner, function), module)


@cache
def _find(owner: str, function: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(import_module(owner, __package__), function)
    return found


def _call(owner: str, function: str, *arguments: Any) -> Any:
    """Call a function of a module that is not imported before it is needed."""
    return _find(owner, function)(*arguments)


def _call_guarded(owner: str, function: str, module: ModuleType) -> None:
    _guard(lambda: _call(owner, function, module))


def _guard(action: Callable[[], None]) -> None:
    try:
        action()
    except Exception as error:
        # From one line always, so that Python's filter shows the same cause once.
        warnings.warn(
            f"alembic-async-template could not be set up and is not available: {type(error).__name__}: {error}",
            RuntimeWarning,
            stacklevel=1,
        )
