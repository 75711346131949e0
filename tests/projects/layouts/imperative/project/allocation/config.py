import os

DATABASE_URL = os.environ["DATABASE_URL"]
API_HOST = os.getenv("API_HOST", "localhost")
