from pydantic_settings import BaseSettings


class Config(BaseSettings):
    DATABASE_URL: str
    SITE_DOMAIN: str = "myapp.com"
    CORS_ORIGINS: list[str] = []


settings = Config()
