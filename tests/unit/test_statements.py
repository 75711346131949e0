"""How a text of several statements is parted."""

import pytest

from alembic_async_template.postgresql import split_statements


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES ('a; b', E'it\\'s; c', \"d;e\".f)",
        "SELECT 1 -- first; second\n",
        "/* a; b */ SELECT 1",
        "CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN a; b; END $$ LANGUAGE plpgsql",
        "DO $body$ BEGIN PERFORM $$;$$; END $body$",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
        "CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO a VALUES (1); INSERT INTO b VALUES (2))",
    ],
)
def test_a_semicolon_inside_of_a_statement_ends_none(statement: str) -> None:
    """A literal, a name, a comment, a body, brackets: alone, at the end, and in front of another statement."""
    one = statement.strip()
    assert split_statements(statement) == split_statements(f"{statement};") == [one]
    assert split_statements(f"{statement}\n; ; -- done;\n") == [one]
    assert split_statements(f"SELECT 1;{statement};\nSELECT 2") == ["SELECT 1", one, "SELECT 2"]
