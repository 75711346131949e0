"""Which statements act on a whole server, read from their text."""

import pytest

from alembic_async_template.shadow.server_wide import is_server_wide


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE ROLE r",
        "/* a */ create\n user r",
        "ALTER DATABASE postgres SET work_mem = '4MB'",
        "COMMENT ON DATABASE a IS ''",
        "DO $$ BEGIN EXECUTE 'CREATE ROLE r'; END $$",
        "SELECT 1; DO $$ BEGIN EXECUTE 'CREATE ROLE r'; END $$",
        "ALTER SYSTEM SET work_mem = '4MB'",
        "SELECT pg_create_physical_replication_slot('s')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "DROP OWNED BY r",
        "GRANT pg_monitor TO r",
        "GRANT CONNECT ON DATABASE a TO r",
        "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p",
        "SELECT * FROM dblink('', '')",
        'SELECT \'--\', "/*"; CREATE ROLE r -- "*/',
        "SELECT a$b$; CREATE ROLE r; SELECT c$b$",
        "SELECT E'\\''; CREATE ROLE r --'",
    ],
)
def test_what_is_refused(statement: str) -> None:
    assert is_server_wide(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "COMMENT ON TABLE post IS 'CREATE ROLE r'",
        'CREATE TABLE "create role" ()',
        "GRANT SELECT ON post TO PUBLIC",
        "GRANT USAGE ON SCHEMA s TO r",
        "ALTER TABLE post OWNER TO r",
        "ALTER TABLE post ADD COLUMN role text",
        "CREATE USER MAPPING FOR r SERVER s",
        "-- CREATE ROLE r\nSELECT 1",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ SELECT 1 $$",
        "SET ROLE r",
    ],
)
def test_what_is_run(statement: str) -> None:
    assert not is_server_wide(statement)
