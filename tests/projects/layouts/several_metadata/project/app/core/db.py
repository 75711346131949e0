from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine


class DatabaseSettings(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env")

    async_database_url: str


engine = create_async_engine(DatabaseSettings().async_database_url)
Session = async_sessionmaker(engine)
