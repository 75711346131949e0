from contextlib import asynccontextmanager

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

from core.config import settings


@asynccontextmanager
async def lifespan(app: FastAPI):
    engine = create_async_engine(settings.db.url.get_secret_value(), echo=settings.db.echo)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)
