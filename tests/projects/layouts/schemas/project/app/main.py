from fastapi import FastAPI

from app.auth.models import User
from app.blog.models import Post

app = FastAPI(description=f"{User.__tablename__} and {Post.__tablename__}")
