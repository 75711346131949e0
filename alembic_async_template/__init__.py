"""Alembic migrations for FastAPI, SQLModel, async SQLAlchemy and PostgreSQL, with nothing to edit.

The public names are resolved when they are first used: Alembic imports this package through its plugin entry point
while Alembic itself is half loaded, so nothing that imports Alembic may run here.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import op
    from .errors import AlembicAsyncTemplateError
    from .migrations import Migrations
    from .run.environment import run_environment

__all__ = ["AlembicAsyncTemplateError", "Migrations", "op", "run_environment"]

_MODULES = {
    "AlembicAsyncTemplateError": ".errors",
    "Migrations": ".migrations",
    "op": ".op",
    "run_environment": ".run.environment",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in {"Migrations", "run_environment"}:
        _require_greenlet()
    module = import_module(_MODULES[name], __name__)
    return module if name == "op" else getattr(module, name)


def _require_greenlet() -> None:
    """SQLAlchemy 2.1 does not install it, and asks for it in words of its own, when it is imported or when it connects."""
    try:
        import_module("greenlet")
    except ImportError as error:
        from .errors import GreenletNotInstalledError

        raise GreenletNotInstalledError(str(error)) from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
