"""Passwords are taken out of texts, in the forms that SQL, Python, libpq and URLs have for them; nothing else is."""

import pytest

from alembic_async_template.environment.blockers import shorten
from alembic_async_template.masking import mask_message


@pytest.mark.parametrize(
    "text",
    [
        "ALTER ROLE app PASSWORD 'it''s-zq7' VALID UNTIL 'infinity'",
        "ALTER ROLE app PASSWORD E'zq7'",
        "ALTER ROLE app PASSWORD $$zq7$$",
        "ALTER ROLE app PASSWORD $a$zq7$a$",
        "ALTER ROLE app WITH PASSWORD 'zq7, and the text was cut",
        "op.execute('ALTER ROLE app PASSWORD \\'zq7\\'')",
        "CREATE USER app IDENTIFIED BY 'zq7'",
        "SET PASSWORD FOR app = PASSWORD('zq7')",
        "CREATE SUBSCRIPTION s CONNECTION 'host=localhost password=''zq7 zq7'' dbname=app' PUBLICATION p",
        "dblink('host=localhost password = zq7', 'SELECT 1')",
        'sa.text("SELECT :password").bindparams(password="zq7")',
        'sa.URL.create("postgresql", username="app", password="zq7")',
        "Settings(user='app', db_password='zq7')",
        '{"password": "zq7"}',
        "DB_PASS=zq7",
        "PGPASSWORD=zq7 psql",
        "postgresql://app:zq7/zq7@zq7@localhost/app",
        "'postgresql://app:my zq7@localhost/app'",
    ],
)
def test_a_password_is_masked(text: str) -> None:
    """In whole and where a statement is shortened."""
    assert "zq7" not in mask_message(text)
    assert "***" in mask_message(text)
    assert "zq7" not in shorten(f"{'x' * 170} {text}")


@pytest.mark.parametrize(
    "text",
    [
        'password authentication failed for user "app"',
        "Access denied for user 'app' (using password: YES)",
        "db_password: Field required",
        "postgresql+asyncpg://app@localhost:5432/app",
        'op.add_column("user", sa.Column("password", sa.Text(), server_default="x"))',
        "no password supplied",
    ],
)
def test_other_texts_stay(text: str) -> None:
    """They only speak of passwords."""
    assert mask_message(text) == text
