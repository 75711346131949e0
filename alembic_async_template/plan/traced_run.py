"""In a process of its own: traces the pending revisions on a shadow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..shadow.replay import answer_on_shadow, describe_failure

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.engine import Engine


def answer(config: Config, engine: Engine, request: Mapping[str, Any]) -> dict[str, Any]:
    """Run the revisions; what was traced until one failed, and why it failed."""
    from alembic import command
    from alembic.script import ScriptDirectory

    from .. import _compat
    from .tracer import trace

    schema, table = request["version_table"]
    failed = None
    folders = _compat.list_version_folders(ScriptDirectory.from_config(config))
    with trace(engine, folders, (schema, table)) as tracer:
        try:
            command.upgrade(config, request["target"])
        except (Exception, SystemExit) as error:
            failed = describe_failure(error)
    return {"error": failed, "statements": [asdict(one) for one in tracer.statements]}


if __name__ == "__main__":
    answer_on_shadow(answer)
