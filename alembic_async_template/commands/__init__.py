"""What this package does around Alembic's own commands, and the functions whose reports its own commands print."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..adoption.adopt import plan_adoption
    from ..doctor.examine import examine
    from ..drift.find_drift import find_drift
    from ..plan.planning import make_plan
    from ..run.status import read_status

__all__ = ["examine", "find_drift", "make_plan", "plan_adoption", "read_status"]

# Every command of Alembic comes through this package, so they are imported when they are used.
_MODULES = {
    "examine": "..doctor.examine",
    "find_drift": "..drift.find_drift",
    "make_plan": "..plan.planning",
    "plan_adoption": "..adoption.adopt",
    "read_status": "..run.status",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name], __name__), name)
