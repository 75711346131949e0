"""URLs: the async form of each kind, libpq's words for asyncpg, masking, and which of two is the same database."""

import asyncio
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from string import printable
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import NullPool
from sqlalchemy.engine import make_url
from sqlalchemy.engine.url import URL
from sqlalchemy.ext.asyncio import create_async_engine

from alembic_async_template.application.url import Database, adapt_url, is_memory, parse_url, same_database
from alembic_async_template.diagnosis.match import find_fix
from alembic_async_template.diagnosis.rules.connection import CONNECTION_RULES
from alembic_async_template.errors import InvalidURLError, MissingDriverError
from alembic_async_template.masking import mask_url
from alembic_async_template.run.known_facts import list_url_facts

HERE = Path("/project")


def adapt(text: str | URL, **options: bool) -> Database:
    return adapt_url(parse_url(text, "a test"), "a test", directory=HERE, **options)


@pytest.mark.parametrize(
    ("given", "adapted"),
    [
        ("postgres://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgresql://u:p@h:1/d", "postgresql+asyncpg://u:p@h:1/d"),
        ("postgresql+psycopg2://u@h/d", "postgresql+asyncpg://u@h/d"),
        ("postgresql+pg8000://u@h/d", "postgresql+asyncpg://u@h/d"),
        ("postgresql+asyncpg://u@h/d", "postgresql+asyncpg://u@h/d"),
        ("postgresql+psycopg://u@h/d?sslmode=require", "postgresql+psycopg://u@h/d?sslmode=require"),
        ("postgresql+psycopg_async://u@h/d", "postgresql+psycopg://u@h/d"),
        ("mysql://u@h/d", "mysql+asyncmy://u@h/d"),
        ("mysql+pymysql://u@h/d?charset=utf8mb4", "mysql+asyncmy://u@h/d?charset=utf8mb4"),
        ("mariadb://u@h/d", "mariadb+asyncmy://u@h/d"),
        ("mysql+aiomysql://u@h/d", "mysql+aiomysql://u@h/d"),
        ("sqlite:///app.db", "sqlite+aiosqlite:////project/app.db"),
        ("sqlite+pysqlite:///./app.db", "sqlite+aiosqlite:////project/app.db"),
        ("sqlite:////abs/app.db", "sqlite+aiosqlite:////abs/app.db"),
        ("sqlite:///file:app.db?mode=ro&uri=true", "sqlite+aiosqlite:///file:/project/app.db?mode=ro&uri=true"),
        ("sqlite+aiosqlite://", "sqlite+aiosqlite:///"),
        ("  postgresql://u@h/d\n", "postgresql+asyncpg://u@h/d"),
    ],
)
def test_a_url_becomes_that_of_an_async_driver(given: str, adapted: str) -> None:
    """Aliases and sync drivers become the installed async driver; paths of SQLite start at the project."""
    assert adapt(given).url == make_url(adapted)


def test_a_missing_driver_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither driver is there: the message is what to type; offline mode needs none."""
    monkeypatch.setattr("alembic_async_template.application.url.find_spec", lambda _name: None)
    with pytest.raises(MissingDriverError) as error:
        adapt("postgresql://h/d")
    assert str(error.value) == (
        "The async driver of postgresql is not installed: asyncpg or psycopg\n  where  the database URL from a test\n"
        "  fix    install it:\n         pip install 'alembic-async-template[asyncpg]'"
    )
    assert error.value.drivers == ("asyncpg", "psycopg")
    assert adapt("postgresql://h/d", installed=False).url.drivername == "postgresql+asyncpg"


def test_the_other_driver_serves_when_the_preferred_one_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """psycopg's async mode takes over, and asyncpg's word for TLS becomes libpq's."""
    monkeypatch.setattr("alembic_async_template.application.url.find_spec", lambda name: True if name == "psycopg" else None)
    assert str(adapt("postgres://h/d?ssl=true").url) == "postgresql+psycopg://h/d?sslmode=require"
    with pytest.raises(MissingDriverError, match=r"alembic-async-template\[asyncpg\]"):
        adapt("postgresql+asyncpg://h/d")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("no url", "it has no scheme"),
        ("localhost/app", "it has no scheme"),
        ("user:pw@localhost:5432/app", "it has no scheme"),
        ("postgresql:/localhost/app", "it has one slash after the scheme"),
        ("postgresql://u:p@h:port/d", "its port is not a number"),
        ("postgresql://u:pa@secret@h/d", "it is not a URL of the form backend://user:password@host:port/database"),
        ("nosuch://u:secret@h/d", '"nosuch" is not an installed SQLAlchemy dialect'),
        ("oracle://u:secret@h/d", '"oracle" is not an async driver, and this package knows none for it'),
    ],
)
def test_an_unusable_url_is_refused_without_its_password(given: str, problem: str) -> None:
    """The message names the source and never repeats the URL."""
    with pytest.raises(InvalidURLError) as error:
        adapt(given)
    assert str(error.value).startswith(f"The database URL cannot be used: {problem}\n  where  the database URL from a test\n")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])
def test_every_sslmode_goes_to_asyncpg_as_its_own_word(mode: str) -> None:
    """asyncpg reads libpq's words in a DSN only."""
    database = adapt(f"postgresql://u:p@h/d?sslmode={mode}&sslrootcert=/etc/ca%20s.pem")
    assert dict(database.url.query) == {}
    assert set(database.connect_arguments) == {"dsn"}
    assert sorted(database.connect_arguments["dsn"].removeprefix("postgresql://?").split("&")) == [
        f"sslmode={mode}",
        "sslrootcert=%2Fetc%2Fca+s.pem",
    ]


def test_libpq_words_find_their_place() -> None:
    """Server settings, time-outs and socket tuning each go where asyncpg takes them, or nowhere."""
    database = adapt(
        "postgresql://h/d?application_name=app&options=-c%20search_path%3Dx&connect_timeout=7&keepalives=1&channel_binding=prefer"
        "&target_session_attrs=read-write&user=u&password=p&ssl=true"
    )
    assert database.url.username == "u"
    assert database.url.password == "p"
    assert dict(database.url.query) == {"ssl": "require"}
    assert database.connect_arguments == {
        "server_settings": {"application_name": "app", "options": "-c search_path=x"},
        "timeout": 7.0,
        "dsn": "postgresql://?target_session_attrs=read-write",
    }
    assert database.warnings == ()


def test_a_protection_that_asyncpg_lacks_is_said() -> None:
    """A URL that demands channel binding connects, and the run says what it went without."""
    database = adapt("postgresql://h/d?sslmode=require&channel_binding=require")
    assert database.warnings == ("asyncpg cannot do channel_binding=require: the connection goes without it",)


def test_a_list_of_hosts_is_read() -> None:
    """libpq's host1:port,host2 becomes the form that SQLAlchemy hands on."""
    url = parse_url("postgresql://u:p%40@a:1,b/d?sslmode=require", "a test")
    assert (url.username, url.password, url.database) == ("u", "p@", "d")
    assert dict(url.query) == {"sslmode": "require", "host": "a,b", "port": "1,5432"}
    _, arguments = adapt(url).url.get_dialect()().create_connect_args(adapt(url).url)
    assert arguments["host"] == ["a", "b"]
    assert arguments["port"] == [1, 5432]


def test_passwords_with_every_printable_character_survive() -> None:
    """What is percent-encoded comes back as it was."""
    password = printable
    assert adapt(f"postgresql://u:{quote(password, safe='')}@h/d").url.password == password
    assert adapt(URL.create("postgresql", "u", password, "h", database="d")).url.password == password


def test_a_masked_url_shows_no_password() -> None:
    """The password of the authority and those in the query are masked."""
    url = make_url("postgresql://u:s3cret@h/d?password=s3cret&sslpassword=s3cret&x=1")
    assert mask_url(url) == "postgresql://u:***@h/d?***"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("postgres://a:x@h/d", "postgresql+asyncpg://b:y@h:5432/d", True),
        ("postgresql://h/d", "postgresql://h/e", False),
        ("postgresql://h/d", "postgresql://g/d", False),
        ("postgresql://h:1/d", "postgresql://h:2/d", False),
        ("postgresql:///d?host=h", "postgresql://h/d", True),
        ("mysql://h/d", "postgresql://h/d", False),
    ],
)
def test_two_urls_are_compared_by_where_they_lead(one: str, other: str, same: bool) -> None:
    """Driver, user and password make no other database."""
    assert same_database(make_url(one), make_url(other)) is same


@pytest.mark.parametrize("text", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_memory_databases_are_seen(text: str) -> None:
    """All spellings of a database that ends with its connection."""
    assert is_memory(adapt(text).url)
    assert not is_memory(adapt("sqlite:///x.db").url)


def make_certificate(path: Path) -> Path:
    """Make a certificate of 127.0.0.1 that has signed itself, with its key in the same file."""
    names = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    request = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *names, "-keyout", f"{path}.key", "-out", path)
    subprocess.run(request, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(f"{path}.key").read_bytes())
    return path


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path / "a ca.pem")


@pytest.fixture
def tls_port(certificate: Path) -> Iterator[int]:
    """A server that refuses every role, once TLS is agreed on: the message is read through it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    said = b"SFATAL\0VFATAL\0C28P01\0MTLS is agreed on\0\0"

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(8)  # https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
            self.request.sendall(b"S")
            with suppress(OSError), context.wrap_socket(self.request, server_side=True) as connection:
                connection.recv(1000)
                connection.sendall(b"E" + (len(said) + 4).to_bytes(4, "big") + said)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def refuse(url: URL, **options: Any) -> Exception:
    """Connect with an engine of SQLAlchemy; the error."""

    async def connect() -> None:
        async with create_async_engine(url, poolclass=NullPool, **options).connect():
            pass

    with pytest.raises(Exception) as refused:  # noqa: PT011 - drivers raise their own, and SQLAlchemy's
        asyncio.run(connect())
    return refused.value


@pytest.mark.parametrize("word", ["sslmode", "ssl"])
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_the_example_for_certificates_works_as_typed(
    driver: str, word: str, certificate: Path, tls_port: int, tmp_path: Path
) -> None:
    """A server whose certificate is not trusted is trusted by the line of the hint, in a URL of either driver."""
    place = f"postgresql+{driver}://app@127.0.0.1:{tls_port}/app"
    untrusted = adapt(f"{place}?{word}=verify-full&sslrootcert={make_certificate(tmp_path / 'other.pem')}")
    hint = find_fix(CONNECTION_RULES, refuse(untrusted.url, connect_args=untrusted.connect_arguments), list_url_facts(untrusted))
    assert hint is not None
    assert "certificate verify failed" in hint.problem
    (fix,) = hint.fixes
    assert fix.example == "?sslmode=verify-full&sslrootcert=/etc/ssl/ca.pem"
    typed = fix.example.replace("/etc/ssl/ca.pem", quote(str(certificate))).replace("sslmode", word)
    database = adapt(f"{place}{typed}")
    assert "TLS is agreed on" in str(refuse(database.url, connect_args=database.connect_arguments))


def test_the_example_for_certificates_fits_an_engine_with_asyncpg(certificate: Path, tls_port: int) -> None:
    """An application's own engine gives its URL to asyncpg as it is, which takes no file of a certificate there."""
    url = URL.create("postgresql+asyncpg", "app", host="127.0.0.1", port=tls_port, database="app", query={"ssl": "verify-full"})
    database = Database(url, "a test", engine=create_async_engine(url))
    error = refuse(url, connect_args={"ssl": ssl.create_default_context()})
    hint = find_fix(CONNECTION_RULES, error, list_url_facts(database))
    assert hint is not None
    (fix,) = hint.fixes
    typed = fix.example.replace("/etc/ssl/ca.pem", str(certificate))
    assert "TLS is agreed on" in str(refuse(url, **eval(f"dict({typed})")))
    assert "unexpected keyword argument 'sslrootcert'" in str(refuse(url.update_query_dict({"sslrootcert": str(certificate)})))
