from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine

from app.core.config import config

_engine: AsyncEngine | None = None


def start() -> None:
    global _engine
    _engine = create_async_engine(config.DATABASE_URL)


def get_engine() -> AsyncEngine:
    if _engine is None:
        raise RuntimeError("The application has not been started")
    return _engine


def make_sessions():
    return async_sessionmaker(get_engine())
