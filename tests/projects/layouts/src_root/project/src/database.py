from typing import Any

from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from config import settings

engine = create_async_engine(settings.DATABASE_URL, pool_pre_ping=True)
metadata = MetaData()


async def execute(connection: AsyncConnection, query: Any) -> None:
    await connection.execute(query)
    await connection.commit()
