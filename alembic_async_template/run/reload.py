"""Whether this process was started because a source file has changed, as `uvicorn --reload` starts its server."""

from __future__ import annotations

import multiprocessing
import os
import sys
import traceback


def is_reload() -> bool:
    """Whether a reloader started this process after a change, and not the developer.

    The first server of a reloader is the developer's own start. Reloaders that do not tell the first one from those after it
    count as one that reloads.
    """
    if (changes := os.environ.get("WATCHFILES_CHANGES")) is not None:
        return changes != "[]"  # https://watchfiles.helpmanual.io/api/run_process/
    if _is_reloaded_by_uvicorn():
        return not multiprocessing.current_process().name.endswith("-1")
    return "--reload" in sys.argv


def _is_reloaded_by_uvicorn() -> bool:
    """Its configuration is with the server that runs this; `uvicorn.run(reload=True)` and `fastapi dev` leave no argument."""
    configs = (frame.f_locals.get("config") for frame, _ in traceback.walk_stack(None))
    return any(getattr(config, "should_reload", False) is True for config in configs)
