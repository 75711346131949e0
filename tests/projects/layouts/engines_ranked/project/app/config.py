import os

from pydantic import BaseModel
from pydantic_settings import BaseSettings, SettingsConfigDict

DATABASE_URL_VARIABLE = "APP_DATABASE__CONNECTION_URL"
ADMIN_DB_URL = "ADMIN_DATABASE_URL"


class ApiConfig(BaseModel):
    url: str


class DatabaseConfig(BaseModel):
    connection_url: str


class Config(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="APP_", env_nested_delimiter="__")

    api: ApiConfig
    database: DatabaseConfig


class LocalConfig(Config):
    debug: bool = True


class ProductionConfig(Config):
    debug: bool = False


class ConfigFactory:
    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self) -> Config:
        return ProductionConfig() if self.name == "production" else LocalConfig()


settings: Config = ConfigFactory(os.environ.get("APP_ENV", "local"))()
