"""Password hashing: argon2id with OWASP's parameters, off the event loop and never more than two at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.problems import TOO_MANY_REQUESTS, Problem

T = TypeVar("T")

_AT_ONCE = 2
_RETRY_AFTER = "2"


class Passwords:
    """Hashes and verifies in two threads; when too many wait, the next is told 429."""

    def __init__(self, queue: int) -> None:
        # OWASP Password Storage Cheat Sheet: t=2, m=19 MiB, p=1; about 20 ms. The library's defaults cost 140 ms.
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="argon2")
        self._room = queue + _AT_ONCE
        self._nobody = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """Hash a new password.

        Raises:
            Problem: 429, too many are waiting.
        """
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Check a password. None (no such user) takes as long as a wrong one.

        Raises:
            Problem: 429, too many are waiting.
        """
        return await self._run(lambda: self._matches(password_hash or self._nobody, password)) and bool(password_hash)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._room <= 0:
            raise Problem(TOO_MANY_REQUESTS, headers={"Retry-After": _RETRY_AFTER})
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._room += 1
