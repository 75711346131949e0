from fastapi import Depends, FastAPI
from sqlalchemy.orm import Session

from . import models
from .database import SessionLocal

app = FastAPI()


def get_db():
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()


@app.get("/users/{user_id}")
def read_user(user_id: int, db: Session = Depends(get_db)):
    return db.get(models.User, user_id)
