from contextlib import asynccontextmanager

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

from allocation import config
from allocation.adapters import orm


@asynccontextmanager
async def lifespan(app: FastAPI):
    orm.start_mappers()
    app.state.engine = create_async_engine(config.DATABASE_URL)
    yield
    await app.state.engine.dispose()


app = FastAPI(lifespan=lifespan)
