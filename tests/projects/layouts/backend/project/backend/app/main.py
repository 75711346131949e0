from fastapi import FastAPI

from app.config import settings

app = FastAPI(servers=[{"url": f"https://{settings.DOMAIN}"}])
