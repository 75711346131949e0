"""Whole schemas: equal ones are equal, and an empty database gets all of another's by what is printed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy import MetaData
from sqlalchemy.schema import CreateSchema

from support.constructs import CONSTRUCTS
from support.drift import Pair, type_statement
from support.fingerprint import read_fingerprint

# A table inherits after it is made, so that its columns are its own too; IN (...) is written in another way once it was read.
_ALIKE = {"table_options", "types"}


def create_all(metadata: MetaData, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for schema in sorted({table.schema for table in metadata.tables.values() if table.schema}):
            connection.execute(CreateSchema(schema))
        metadata.create_all(connection)


@pytest.mark.filterwarnings("ignore:Cannot correctly sort tables")  # create_all's own
@pytest.mark.parametrize("name", CONSTRUCTS)
def test_an_empty_database_gets_everything(pair: Pair, name: str) -> None:
    """Another reader of the catalog finds the same in both, and so does this one."""
    metadata = MetaData()
    CONSTRUCTS[name](metadata)
    create_all(metadata, pair.expected)
    for difference in pair.compare():
        assert difference.statement is not None, difference
        type_statement(pair.live_url, difference.statement)
    assert pair.compare() == ()
    if name not in _ALIKE:
        assert read_fingerprint(pair.live_url) == read_fingerprint(pair.expected_url)
