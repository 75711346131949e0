from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.core.database import sessionmanager
from app.core.settings import settings
from app.modules.users.router import router as users_router


@asynccontextmanager
async def lifespan(app: FastAPI):
    yield
    if sessionmanager._engine is not None:
        await sessionmanager.close()


app = FastAPI(lifespan=lifespan, title=settings.project_name)
app.include_router(users_router)
