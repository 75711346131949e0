"""An application that migrates its database, and says what is wrong where it cannot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import assert_type

from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from alembic_async_template import AlembicAsyncTemplateError, Migrations
from alembic_async_template.errors import (
    DatabaseNotAtHeadError,
    DatabaseNotReachableError,
    EnumValueInUseError,
    LockTimeoutError,
    MigrationLockedError,
)

Migrations()
Migrations("alembic.ini", section="billing")
Migrations(Path("alembic.ini"), bind=create_engine("sqlite://"))
Migrations(Config("alembic.ini"))
engine = create_async_engine("postgresql+asyncpg://localhost/app")
migrations = Migrations(bind=engine)


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    await migrations.upgrade()
    yield


async def report() -> None:
    await migrations.downgrade("-1")
    await migrations.stamp("head")
    await migrations.ensure_head(enums=True)
    assert_type(await migrations.current(), tuple[str, ...])
    assert_type(await migrations.heads(), tuple[str, ...])
    assert_type(await migrations.pending(), tuple[str, ...])
    if differences := await migrations.check():
        print(len(differences))
    async with engine.connect() as connection:
        await Migrations(bind=connection).upgrade("head")


async def explain() -> str:
    try:
        await migrations.upgrade()
    except DatabaseNotAtHeadError as error:
        return ", ".join((*error.current, *error.heads, *error.unknown))
    except DatabaseNotReachableError as error:
        return f"{error.database} did not answer for {error.wait:.0f} s"
    except MigrationLockedError as error:
        return error.holder or f"somewhere in {error.database}"
    except LockTimeoutError as error:
        return f"{error.statement} waited for {', '.join(error.blockers)}"
    except EnumValueInUseError as error:
        return ", ".join(f"{column}: {count + 0}" for column, count in error.rows.items())
    except AlembicAsyncTemplateError as error:
        alembic_error: CommandError = error
        return str(alembic_error)
    return "done"
