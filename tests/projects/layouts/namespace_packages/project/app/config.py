import os
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Config:
    database_url: str = field(default_factory=lambda: os.environ["DATABASE_URL"])
    title: str = "Ledger"


config = Config()
