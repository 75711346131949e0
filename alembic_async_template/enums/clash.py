"""Lets other packages for enum types work next to this one: `op.add_enum_value` calls the right package, and only one compares.

Alembic keeps one operation for a name, the last one registered. `env.py` or an old revision may import another package after
this one, so its operation is found when its module is imported. That import also adds its comparison to every later one of
this process.
"""

from __future__ import annotations

import ast
import inspect
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from alembic.operations import Operations

from .. import _compat
from ..errors import EnumComparisonClashError, OperationClashError
from .ops import AddEnumValueOp

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.script import ScriptDirectory

log = logging.getLogger("alembic_async_template.enums")

# The modules of other packages that register `add_enum_value`, with the class that has it.
OTHERS = {
    "alembic_postgresql_enum.operations.add_enum_values": "AddEnumValuesOp",
    "alembic_pg_enum_generator.add_enum_value_op": "AddEnumValueOp",
}


def add_enum_value(operations: Operations, *arguments: Any, **options: Any) -> Any:
    """Invoke `add_enum_value` of the one package whose directive takes these arguments.

    :raises OperationClashError: several packages take them, or none does.
    """
    others = [getattr(sys.modules[name], class_) for name, class_ in OTHERS.items() if name in sys.modules]
    directives = [_invoke_own_operation, *(class_.add_enum_value for class_ in others)]
    fitting = [directive for directive in directives if _takes(directive, operations, *arguments, **options)]
    if len(fitting) == 1:
        return fitting[0](operations, *arguments, **options)
    packages = [directive.__module__.partition(".")[0] for directive in fitting or directives]
    raise OperationClashError("add_enum_value", packages, "fit each of them" if fitting else "fit none of them")


def _invoke_own_operation(operations: Operations, *arguments: Any, **options: Any) -> None:
    operations.invoke(AddEnumValueOp(*arguments, **options))


def _takes(directive: Any, *arguments: Any, **options: Any) -> bool:
    try:
        if directive is _invoke_own_operation:
            inspect.signature(AddEnumValueOp).bind(*arguments[1:], **options)
        else:
            inspect.signature(directive).bind(*arguments, **options)
    except TypeError:
        return False
    return True


def refuse_other_comparators(context: AutogenContext, _upgrade_ops: Any) -> None:
    """Refuse a comparison in which another package compares the enum types too, before anything is compared.

    An import in a revision, or inside a function, serves only what is there, so the other package is left out of the comparison.

    :raises EnumComparisonClashError: `env.py` or the application imports the other package.
    """
    packages = {name.partition(".")[0] for name in OTHERS}
    for package in sorted(packages & _compat.list_comparing_packages(context)):
        script = context.migration_context.script
        imports = list(_find_package_imports(package, script)) if script is not None else []
        lasting = [(file, line) for file, line, serves_others in imports if not serves_others]
        if lasting or not imports:
            raise EnumComparisonClashError(package, lasting)
        log.debug("%s is left out of this comparison: only revisions and functions import it", package)
        _compat.leave_out_package(context, package)


def _find_package_imports(package: str, script: ScriptDirectory) -> Iterator[tuple[Path, int, bool]]:
    """The imports of a package in `env.py`, revisions and loaded modules: file, line, and whether in a revision or a function."""
    loaded = [
        path for name, module in list(sys.modules.items()) if name.partition(".")[0] != package and (path := _source_of(module))
    ]
    revisions = sorted(Path(revision.path) for revision in script.walk_revisions())
    for file in dict.fromkeys([Path(script.env_py_location), *revisions, *loaded]):
        try:
            source = file.read_bytes()
            tree = ast.parse(source) if package.encode() in source else None
        except (OSError, SyntaxError, ValueError):  # a module that is loaded from elsewhere
            continue
        if tree is not None:
            is_revision = file in revisions
            yield from ((file, line, in_function or is_revision) for line, in_function in list_package_imports(tree, package))


def _source_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file) if isinstance(file, str) and file.endswith(".py") else None


def list_package_imports(node: ast.AST, package: str, *, in_function: bool = False) -> Iterator[tuple[int, bool]]:
    """The imports of a package below a node: the line, and whether it is inside a function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom) and not child.level:
            names = [child.module or ""]
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        else:
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from list_package_imports(child, package, in_function=in_function or function)
            continue
        if any(name.partition(".")[0] == package for name in names):
            yield child.lineno, in_function
