import os

from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

engine = create_async_engine(os.environ["POSTGRES_DSN"], connect_args={"server_settings": {"jit": "off"}})
session_factory = async_sessionmaker(engine)


class Base(DeclarativeBase):
    pass
