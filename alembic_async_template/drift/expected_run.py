"""In a process of its own: reads what the revisions have made on a shadow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..shadow.replay import answer_on_shadow

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.engine import Connection, Engine


def answer(_config: Config, engine: Engine, request: Mapping[str, Any]) -> dict[str, Any]:
    """The things of the shadow, in the form that JSON has."""
    from .. import _compat
    from ..run.connection import call_on_new_connection
    from .schema_reader import read_schema
    from .thing import to_json

    schema, table = request["version_table"]
    found: dict[str, Any] = {}

    def read(connection: Connection) -> None:
        connection.execution_options(isolation_level=connection.default_isolation_level)
        found["things"] = to_json(read_schema(connection, version_table=table, version_table_schema=schema))
        found["server_version"] = (connection.dialect.server_version_info or (0,))[0]

    call_on_new_connection(_compat.clone_engine(engine), read)
    return found


if __name__ == "__main__":
    answer_on_shadow(answer)
