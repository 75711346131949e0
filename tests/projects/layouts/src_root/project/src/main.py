from fastapi import FastAPI

from auth import models as auth_models
from posts import models as posts_models

app = FastAPI()


@app.get("/tables")
async def tables() -> list[str]:
    return [auth_models.auth_user.name, posts_models.post.name]
