"""Sends files block by block, under WSGI and under ASGI.

Under ASGI, Django reads the whole of a response that streams from a file into memory before it sends any of it.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from asgiref.sync import sync_to_async
from django.db import connections
from django.http import FileResponse

#: Threads that read for all downloads of a process; each is taken for one block at a time.
THREADS = 8
#: Bytes that a download holds in memory under ASGI, besides what the server has not sent yet.
ASYNC_BLOCK = 256 * 1024


class StreamedFile(FileResponse):
    """A file that is sent block by block whatever server asks; WSGI servers may hand it to the kernel."""

    block_size = 1024 * 1024

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Read each block in a thread when the one before it was sent."""
        blocks = self.streaming_content
        if not isinstance(blocks, Iterator):
            # A middleware has put an asynchronous iterator in the place of the file's.
            async for part in blocks:
                yield part
            return
        # A download takes as long as its client likes; the database serves so many at a time.
        await sync_to_async(_leave_database)()
        # Django's handler has set another size meanwhile.
        self.block_size = ASYNC_BLOCK
        while (block := await _next(blocks)) is not None:
            yield block


def _leave_database() -> None:
    """Close the connections of the thread in which the view ran: under ASGI it is the request's own until its end."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


async def _next(blocks: Iterator[bytes]) -> bytes | None:
    """Return the next block, None at the end; a block that is being read when the client leaves is read to its end."""
    reading = asyncio.get_running_loop().run_in_executor(_threads(), lambda: next(blocks, None))
    try:
        return await asyncio.shield(reading)
    except asyncio.CancelledError:
        # The file is closed next, and its number given to another one: nobody may be reading from it then.
        await asyncio.wait([reading])
        raise


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="downloads")
