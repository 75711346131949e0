from functools import lru_cache

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="BLOG_", env_file=".env")

    database_url: SecretStr
    page_size: int = 20


@lru_cache
def get_settings() -> Settings:
    return Settings()
