"""`alembic.op` together with this package's operations, typed in `op.pyi`.

Alembic adds registered operations to `alembic.op` at run time, where no type checker sees them. Revisions import `op`
from here instead; every name is looked up in `alembic.op` when it is used.
"""

from typing import Any

import alembic.op


def __getattr__(name: str) -> Any:
    return getattr(alembic.op, name)


def __dir__() -> list[str]:
    return dir(alembic.op)
