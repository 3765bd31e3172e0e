"""Asks several sessions at the same time."""

import asyncio
import os

from ash_client import AsyncAsh

QUESTIONS = ["What is a cgroup?", "What is a namespace?", "What is a seccomp filter?"]


async def main() -> None:
    async with AsyncAsh(os.environ["ASH_URL"], os.environ["ASH_API_KEY"]) as ash:
        await ash.deploy("teacher", {"CLAUDE.md": "You explain Linux, in one sentence."})

        async def ask(question: str) -> str:
            session = await ash.create_session("teacher")
            answer = await session.say(question)
            await session.end()
            return answer

        for question, answer in zip(QUESTIONS, await asyncio.gather(*map(ask, QUESTIONS))):
            print(f"{question} {answer}")


asyncio.run(main())
