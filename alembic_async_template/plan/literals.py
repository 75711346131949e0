"""Writes a statement with its parameters as literals, as the server or the driver itself writes them."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy.engine import Connection

from ..postgresql import NO_STATEMENT

# A parameter of asyncpg, and what it cannot be in.
_PARAMETER = re.compile(rf"{NO_STATEMENT.pattern}|\$(?P<number>\d+)", NO_STATEMENT.flags)


def write_literals(connection: Connection, statement: str, parameters: Any, *, many: bool, escaped: bool) -> list[str]:
    """The statement once for each set of parameters.

    :param many: whether `parameters` is a list of sets.
    :param escaped: whether a percent sign is written twice.
    """
    sets = parameters if many else [parameters]
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.driver == "asyncpg":
        return [driver.run_async(lambda inner, one=one: _write(inner, statement, one)) if one else statement for one in sets]
    if not (escaped or any(sets)):
        return [statement]
    from psycopg import AsyncClientCursor

    cursor: Any = AsyncClientCursor(driver.driver_connection)
    return [cursor.mogrify(statement, one) for one in sets]


async def _write(connection: Any, statement: str, parameters: Any) -> str:
    """Let the server name the types of the parameters, and write their values."""
    prepared = await connection.prepare(statement)
    oids = [parameter.oid for parameter in prepared.get_parameters()]
    names = await connection.fetchrow(f"SELECT {', '.join(f'pg_catalog.format_type({oid}, NULL)' for oid in oids)}")
    values = [f"pg_catalog.quote_nullable(CAST(CAST(${number} AS {name}) AS text))" for number, name in enumerate(names, 1)]
    written = await connection.fetchrow(f"SELECT {', '.join(values)}", *parameters)

    def replace(found: re.Match[str]) -> str:
        if found["number"] is None:
            return found[0]
        place = int(found["number"]) - 1
        return f"CAST({written[place]} AS {names[place]})"

    return _PARAMETER.sub(replace, statement)
