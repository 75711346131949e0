import os
from functools import lru_cache

from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine


@lru_cache
def get_engine() -> AsyncEngine:
    url = make_url(os.environ["RECIPES_DATABASE_URL"])
    drivers = {"postgresql": "postgresql+psycopg", "sqlite": "sqlite+aiosqlite"}
    return create_async_engine(url.set(drivername=drivers[url.get_backend_name()]))


async def get_session():
    async with AsyncSession(get_engine()) as session:
        yield session
