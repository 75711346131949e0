from functools import lru_cache

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HOTEL_")

    database_url: str


@lru_cache
def get_settings() -> Settings:
    return Settings()
