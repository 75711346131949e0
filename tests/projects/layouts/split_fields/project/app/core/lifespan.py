from contextlib import asynccontextmanager

from fastapi import FastAPI
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from app.core.config import settings


@asynccontextmanager
async def lifespan(app: FastAPI):
    url = URL.create(
        "postgresql+asyncpg",
        username=settings.DB_USER,
        password=settings.DB_PASSWORD.get_secret_value(),
        host=settings.DB_HOST,
        port=settings.DB_PORT,
        database=settings.DB_NAME,
    )
    engine = create_async_engine(url)
    app.state.session = async_sessionmaker(engine)
    yield
    await engine.dispose()
