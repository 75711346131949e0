from fastapi import Depends, FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from hotel.infrastructure.database import get_database
from hotel.infrastructure.tables import Room

app = FastAPI()


@app.get("/rooms/{number}")
async def read_room(number: int, session: AsyncSession = Depends(lambda: get_database().session())) -> int | None:
    room = await session.get(Room, number)
    return room and room.beds
