from fastapi import FastAPI

from src.core.config import get_settings

app = FastAPI(debug=get_settings().echo)
