import os

from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

DRIVERS = {"postgresql": "postgresql+asyncpg", "sqlite": "sqlite+aiosqlite"}

url = make_url(os.environ["DATABASE_URL"])
engine = create_async_engine(url.set(drivername=DRIVERS[url.get_backend_name()]))
sessions = async_sessionmaker(engine)
