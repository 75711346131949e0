from typing import Annotated

from fastapi import APIRouter, Depends
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import get_db_session
from app.modules.users.models import User

router = APIRouter(prefix="/api/users", tags=["users"])


@router.get("/{user_id}")
async def user_details(user_id: int, db_session: Annotated[AsyncSession, Depends(get_db_session)]):
    return await db_session.get(User, user_id)
