"""In a process of its own: traces the pending revisions on a shadow."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..shadow.replay import answer_on_shadow, describe_failure

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.engine import Engine


def answer(config: Config, engine: Engine, request: Mapping[str, Any]) -> dict[str, Any]:
    """Run the revisions; what was traced until one failed, and why it failed; and the script, if one is asked for."""
    from alembic import command
    from alembic.script import ScriptDirectory

    from .. import _compat
    from .recording import record
    from .tracer import trace

    schema, table = request["version_table"]
    failed = None
    folders = _compat.list_version_folders(ScriptDirectory.from_config(config))
    recorded = record(engine, folders) if request["sql"] else nullcontext()
    with trace(engine, folders, (schema, table)) as tracer, recorded as recording:
        try:
            command.upgrade(config, request["target"])
        except (Exception, SystemExit) as error:
            failed = describe_failure(error)
    script = recording.to_json() if recording is not None else None
    return {"error": failed, "statements": [asdict(one) for one in tracer.statements], "script": script}


if __name__ == "__main__":
    answer_on_shadow(answer)
