from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    app_name: str = "Awesome API"
    database_url: str
    test_database_url: str | None = None
    items_per_user: int = 50

    model_config = SettingsConfigDict(env_file=".env")


settings = Settings()
