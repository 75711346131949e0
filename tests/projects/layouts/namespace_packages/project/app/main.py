from fastapi import FastAPI

from app.config import config

app = FastAPI(title=config.title)
