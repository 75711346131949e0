from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    database_url: str = Field(validation_alias=AliasChoices("ACME_DATABASE"))


settings = Settings()
