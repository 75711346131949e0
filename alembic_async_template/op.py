"""`alembic.op` together with this package's operations, typed in `op.pyi`.

Alembic adds registered operations to `alembic.op` at run time, where no type checker sees them, and where another package
may register the same name. Revisions import `op` from here instead: this package's operations are always its own, and
every other name is looked up in `alembic.op` when it is used.
"""

from functools import partial, update_wrapper
from typing import Any

import alembic.op

from .enums.ops import DIRECTIVES


def __getattr__(name: str) -> Any:
    function = getattr(alembic.op, name)
    if name in DIRECTIVES:
        return update_wrapper(partial(getattr(DIRECTIVES[name], name), alembic.op), function)
    return function


def __dir__() -> list[str]:
    return dir(alembic.op)
