from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.core.config import get_settings
from app.core.database import build_engine


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.engine = build_engine(get_settings())
    yield
    await app.state.engine.dispose()


app = FastAPI(lifespan=lifespan)
