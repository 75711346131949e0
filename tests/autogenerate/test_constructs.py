"""What the models declare is in the database once the first revision has run, as `create_all` would have made it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import MetaData, NullPool
from sqlalchemy.schema import CreateSchema

from support.constructs import CONSTRUCTS
from support.fingerprint import read_fingerprint, read_objects
from support.history import History
from support.servers import POSTGRESQL_SERVERS, create_postgresql_database, find_postgresql_server


@pytest.fixture(params=POSTGRESQL_SERVERS)
def urls(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Two empty databases of one server."""
    server = find_postgresql_server(request)
    with create_postgresql_database(server) as one, create_postgresql_database(server) as other:
        yield one, other


def create_all(metadata: MetaData, url: str) -> None:
    with sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool).begin() as connection:
        for schema in sorted({table.schema for table in metadata.tables.values() if table.schema}):
            connection.execute(CreateSchema(schema))
        metadata.create_all(connection)


@pytest.mark.filterwarnings("ignore:Cannot correctly sort tables")  # create_all's own
@pytest.mark.parametrize("name", CONSTRUCTS)
def test_the_first_revision_makes_what_create_all_makes(name: str, urls: tuple[str, str], tmp_path: Path) -> None:
    """Afterwards the check is quiet, the downgrade leaves nothing, and the revision runs again."""
    metadata = MetaData()
    CONSTRUCTS[name](metadata)
    create_all(metadata, urls[0])
    migrations = History(tmp_path / "project", urls[1]).initialise()
    migrations.downgrade("base")
    empty = read_fingerprint(urls[1])
    metadata = MetaData()
    CONSTRUCTS[name](metadata)
    migrations.revise(metadata, "first")
    for _ in range(2):
        migrations.upgrade()
        assert read_objects(urls[1]) == read_objects(urls[0])
        assert migrations.find_differences() == []
        migrations.downgrade("base")
        assert read_fingerprint(urls[1]) == empty
