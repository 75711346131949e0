"""Calls of `op.add_enum_value` where another package registers an operation of that name: each goes to whom it is written for.

Alembic keeps one operation a name, the one that was registered last. The other packages may come after this one: when
`env.py` imports them, or an old revision. So their operations are taken in when their modules are imported.
"""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import Any

from alembic.operations import Operations

from ..errors import OperationClashError
from .operations import AddEnumValueOp

# The modules of other packages that register `add_enum_value`, with the class that has it.
OTHERS = {
    "alembic_postgresql_enum.operations.add_enum_values": "AddEnumValuesOp",
    "alembic_pg_enum_generator.add_enum_value_op": "AddEnumValueOp",
}


def share_directive(_module: ModuleType) -> None:
    """Let every package have its calls, after one more has registered its operation."""
    Operations.add_enum_value = _add_enum_value


def _add_enum_value(operations: Operations, *args: Any, **kwargs: Any) -> Any:
    others = [getattr(sys.modules[name], class_) for name, class_ in OTHERS.items() if name in sys.modules]
    directives = [class_.add_enum_value for class_ in (AddEnumValueOp, *others)]
    fitting = [directive for directive in directives if _takes(directive, operations, *args, **kwargs)]
    if len(fitting) == 1:
        return fitting[0](operations, *args, **kwargs)
    packages = [directive.__module__.partition(".")[0] for directive in fitting or directives]
    raise OperationClashError("add_enum_value", packages, "fit each of them" if fitting else "fit none of them")


def _takes(directive: Any, *args: Any, **kwargs: Any) -> bool:
    try:
        inspect.signature(directive).bind(*args, **kwargs)
    except TypeError:
        return False
    return True
