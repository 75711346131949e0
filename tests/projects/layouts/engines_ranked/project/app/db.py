from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from app.config import settings

engine = create_async_engine(settings.database.connection_url)
jobs = create_async_engine(settings.database.connection_url, isolation_level="AUTOCOMMIT")
metrics = create_async_engine("sqlite+aiosqlite:///metrics.sqlite")

SessionFactory = async_sessionmaker(bind=engine, expire_on_commit=False)
