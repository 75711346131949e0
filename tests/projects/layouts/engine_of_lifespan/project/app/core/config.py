import os


class Config:
    DATABASE_URL = os.environ.get("DATABASE_URL", "sqlite+aiosqlite:///unused.sqlite")
    MAINTENANCE_DATABASE_URL = os.environ.get("MAINTENANCE_DATABASE_URL", "sqlite+aiosqlite:///admin.sqlite")
    API_URL = "https://api.example.com"


class DevelopmentConfig(Config):
    DEBUG = True


class ProductionConfig(Config):
    DEBUG = False


def get_config():
    kinds = {"development": DevelopmentConfig(), "production": ProductionConfig()}
    return kinds[os.environ.get("APP_ENV", "development")]


config = get_config()
