from collections.abc import AsyncIterator
from functools import lru_cache

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from hotel.settings import Settings, get_settings


class DatabaseInterface:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._engine: AsyncEngine | None = None

    def get_engine(self) -> AsyncEngine:
        if self._engine is None:
            self._engine = create_async_engine(self.settings.database_url)
        return self._engine

    async def session(self) -> AsyncIterator[AsyncSession]:
        factory = async_sessionmaker(self.get_engine())
        async with factory() as session:
            yield session


@lru_cache(maxsize=1)
def get_database() -> DatabaseInterface:
    return DatabaseInterface(get_settings())
