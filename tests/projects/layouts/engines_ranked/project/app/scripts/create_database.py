import asyncio
import os

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.config import ADMIN_DB_URL

engine = create_async_engine(os.environ[ADMIN_DB_URL], isolation_level="AUTOCOMMIT")


async def main() -> None:
    async with engine.connect() as connection:
        await connection.execute(text("CREATE DATABASE app"))


asyncio.run(main())
