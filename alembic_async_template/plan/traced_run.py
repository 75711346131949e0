"""In a process of its own: replays the history on a shadow, and traces the pending revisions there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..run.process import answer_request
from ..shadow.replay import open_shadow, replay


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Run the revisions; what was traced until one failed, and why it failed."""
    from alembic import command
    from alembic.script import ScriptDirectory

    from .. import _compat
    from .tracer import trace

    with open_shadow(request) as (config, engine):
        script = ScriptDirectory.from_config(config)
        try:
            if request["replays"]:
                replay(config, engine, request["start"], request["schema"])
        except (Exception, SystemExit) as error:
            return {"replayed": False, "error": _describe(error), "statements": []}
        if request["target"] is None:
            return {"replayed": True, "error": None, "statements": []}
        table = request["version_table"]
        failed = None
        with trace(engine, _compat.list_version_folders(script), (table[0], table[1])) as tracer:
            try:
                command.upgrade(config, request["target"])
            except (Exception, SystemExit) as error:
                failed = _describe(error)
        return {"replayed": True, "error": failed, "statements": [asdict(one) for one in tracer.statements]}


def _describe(error: BaseException) -> str:
    """An error as the command line shows it."""
    from alembic.util import CommandError

    from ..masking import mask_message

    return str(error) if isinstance(error, CommandError) else mask_message(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    answer_request(answer)
