"""A TCP address with several servers behind it, as a Service in Kubernetes is."""

import asyncio
import threading
from collections.abc import Sequence
from itertools import cycle
from typing import Self

from ops.local.programs import LOOPBACK, free_port

_CHUNK = 1 << 16


class Relay:
    """Takes each connection to the next server that accepts one. Use it as a context."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.port = free_port()
        self._ports = ports
        self._turns = cycle(ports)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay")

    def move(self, port: int) -> None:
        """Takes new connections to this server alone; those that are there stay where they are."""
        self._ports, self._turns = [port], cycle([port])

    def __enter__(self) -> Self:
        self._thread.start()
        serving = asyncio.start_server(self._serve, LOOPBACK, self.port)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in self._ports:
            try:
                server = await asyncio.open_connection(LOOPBACK, next(self._turns))
            except OSError:
                continue
            await asyncio.gather(_pass_on(reader, server[1]), _pass_on(server[0], writer))
            return
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one side ends; then the other one is ended too."""
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # ended without a word: the other side learns of it below
    finally:
        writer.close()
