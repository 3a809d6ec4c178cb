"""A FastAPI page that reads one row of an SQLite file, and nothing more: what a page of the console is measured by."""

import asyncio
import sys

import uvicorn
from fastapi import FastAPI, Response
from sqlalchemy import create_engine, text


def main(file: str, port: int) -> None:
    """Serve it until it is stopped."""
    app, engine = FastAPI(), create_engine(f"sqlite:///{file}")

    def read() -> str:
        with engine.connect() as connection:
            return str(connection.execute(text("SELECT title FROM one WHERE number = 1")).scalar_one())

    @app.get("/")
    async def page() -> Response:
        """Show the row."""
        return Response(f"<!doctype html><title>{await asyncio.to_thread(read)}</title>", media_type="text/html")

    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
