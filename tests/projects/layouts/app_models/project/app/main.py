from typing import Annotated

from fastapi import Depends, FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import get_session
from app.models import Post, PostStatus

app = FastAPI()


@app.get("/posts")
async def read_posts(session: Annotated[AsyncSession, Depends(get_session)]):
    return (await session.scalars(select(Post).where(Post.status == PostStatus.live))).all()
