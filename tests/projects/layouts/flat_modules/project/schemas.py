from pydantic import BaseModel


class ContactRead(BaseModel):
    id: int
    name: str
