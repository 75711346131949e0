"""Passwords are taken out of texts, in the forms that SQL, Python, libpq and URLs have for them; nothing else is."""

from pathlib import Path

import pytest
from alembic.config import Config
from sqlalchemy.engine import make_url

from alembic_async_template.application.settings import read_settings
from alembic_async_template.application.url import adapt_url
from alembic_async_template.masking import mask_message, mask_statement, shorten_statement


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
        'DB_PASS = os.environ.get("DB_PASS", "zq7")',
        "DB_PASS=zq7",
        "PGPASSWORD=zq7 psql",
        "postgresql://app:zq7/zq7@zq7@localhost/app",
        "'postgresql://app:my zq7@localhost/app'",
    ],
)
def test_a_password_is_masked(text: str) -> None:
    """The password is masked in the whole text, and where a statement is shortened."""
    assert "zq7" not in mask_message(text)
    assert "***" in mask_message(text)
    assert "zq7" not in shorten_statement(f"{'x' * 170} {text}")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ALTER ROLE app PASSWORD 'it''s-zq7' VALID UNTIL 'infinity'", "ALTER ROLE app PASSWORD ***"),
        ("ALTER ROLE app PASSWORD E'a\\'zq7'", "ALTER ROLE app PASSWORD ***"),
        ("ALTER ROLE app PASSWORD zq7", "ALTER ROLE app PASSWORD ***"),
        ("ALTER ROLE app /* zq7 */ PASSWORD 'zq7'", "ALTER ROLE app ***"),
        ("UPDATE account SET password = crypt('zq7', gen_salt('bf'))", "UPDATE account SET password = ***"),
        (
            "INSERT INTO userz (name, password) VALUES ('a', 'zq7'), ('b', 'zq7')",
            "INSERT INTO userz (name, password) VALUES (***)",
        ),
        ("CREATE SUBSCRIPTION s CONNECTION 'password=zq7,;zq7' PUBLICATION p", "CREATE SUBSCRIPTION s CONNECTION ***"),
        ("SET PASSWORD FOR app = 'zq7'", "SET PASSWORD ***"),
        (
            "CREATE USER app IDENTIFIED WITH mysql_native_password AS '*zq7'",
            "CREATE USER app IDENTIFIED WITH mysql_native_password AS ***",
        ),
        ("ALTER USER app IDENTIFIED BY 'zq7' REPLACE 'zq7'", "ALTER USER app IDENTIFIED BY ***"),
        ("COPY t FROM PROGRAM 'curl -u me:zq7'", "COPY t FROM PROGRAM ***"),
        ("op.execute(\"ALTER ROLE app PASSWORD '{}'\".format('zq7'))", "op.execute(***)"),
        ("op.execute(f\"ALTER ROLE app PASSWORD '{zq}'\")", "op.execute(***)"),
        ("connect(password=zq7)", "connect(password=***)"),
        ("SELECT id FROM account WHERE password IS NULL", "SELECT id FROM account WHERE password IS NULL"),
        ("INSERT INTO post (title) VALUES ('a')", "INSERT INTO post (title) VALUES ('a')"),
        ("op.drop_column('subscription', 'program')", "op.drop_column('subscription', 'program')"),
    ],
)
def test_a_statement_is_shown_up_to_its_first_literal(text: str, shown: str) -> None:
    """A statement with a word for a secret is shown up to its first literal."""
    assert mask_statement(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('role "app" does not exist', 'role "app" does not exist'),
        ('syntax error at or near "zq7"', 'syntax error at or near "***"'),
        ('syntax error at or near ""zq7""', 'syntax error at or near "***"'),
        ("Key (name)=(zq7) already exists.", "Key (name)=(***)"),
        ("Failing row contains (1, zq7).", "Failing row contains (***)"),
        (
            "invalid input for query argument $1: 'zq7' (expected int)",
            'invalid input for query argument $1: "***" (expected int)',
        ),
        ("Duplicate entry 'zq7' for key 'name'", 'Duplicate entry "***"'),
    ],
)
def test_a_message_about_a_secret_has_no_values(text: str, shown: str) -> None:
    """Names after what kind of object it is stay."""
    assert mask_message(text, always=True) == shown


@pytest.mark.slow
def test_a_large_statement_is_masked_by_all_of_it() -> None:
    """A word for a secret is found at the end of a large statement, in time that grows with its length."""
    statement = f"INSERT INTO t (a, b) VALUES ('zq7', '{'//x:y' * 1_000_000}') /* password */"
    assert shorten_statement(statement) == "INSERT INTO t (a, b) VALUES (***)"
    assert "zq7" in shorten_statement(statement.replace("password", ""))


def test_no_repr_shows_a_url(tmp_path: Path) -> None:
    """Tracebacks with the values of variables show those of settings and databases."""
    ini = tmp_path / "alembic.ini"
    ini.write_text("[alembic]\nscript_location = m\nsqlalchemy.url = postgresql://app:zq7@localhost/app\n")
    settings = read_settings(Config(ini))
    assert settings.sqlalchemy_url == "postgresql://app:zq7@localhost/app"
    assert "zq7" not in repr(settings)
    for url in (
        "postgresql://app@localhost/app?password=zq7&sslpassword=zq7",
        "postgresql+psycopg://app:zq7@localhost/app?options=-cx.token=zq7",
    ):
        assert "zq7" not in repr(adapt_url(make_url(url), "a test", directory=tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        'password authentication failed for user "app"',
        "Access denied for user 'app' (using password: YES)",
        "db_password: Field required",
        "postgresql+asyncpg://app@localhost:5432/app",
        'op.add_column("user", sa.Column("password", sa.Text(), server_default="x"))',
        "no password supplied",
        'DB_PASS = os.environ["DB_PASS"]',
        'password = getenv("DB_PASS")',
    ],
)
def test_other_texts_stay(text: str) -> None:
    """They only speak of passwords."""
    assert mask_message(text) == text
