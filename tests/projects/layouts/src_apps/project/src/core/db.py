from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from src.core.config import get_settings

engine = create_async_engine(get_settings().database_dsn, echo=get_settings().echo)
session_factory = async_sessionmaker(engine, expire_on_commit=False)
