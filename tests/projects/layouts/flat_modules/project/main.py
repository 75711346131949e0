from fastapi import Depends, FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from database import async_session
from models import Contact
from schemas import ContactRead

app = FastAPI()


async def get_session():
    async with async_session() as session:
        yield session


@app.get("/contacts/{contact_id}", response_model=ContactRead)
async def read_contact(contact_id: int, session: AsyncSession = Depends(get_session)):
    return await session.get(Contact, contact_id)
