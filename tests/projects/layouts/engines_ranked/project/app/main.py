from fastapi import FastAPI
from sqlalchemy import text

from app.config import settings
from app.db import SessionFactory, metrics
from app.models import Article

app = FastAPI(servers=[{"url": settings.api.url}])


@app.get("/articles/{number}")
async def read_article(number: int) -> str | None:
    async with metrics.begin() as connection:
        await connection.execute(text("UPDATE counter SET value = value + 1"))
    async with SessionFactory() as session:
        article = await session.get(Article, number)
    return article and article.text
