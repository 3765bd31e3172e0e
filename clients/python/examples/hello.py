"""Deploys an agent, talks to it, and shows the text while it is written.

    ASH_URL=http://127.0.0.1:4100 ASH_API_KEY=… python examples/hello.py
"""

import os

from ash_client import Ash

with Ash(os.environ["ASH_URL"], os.environ["ASH_API_KEY"]) as ash:
    ash.deploy("hello", {"CLAUDE.md": "You greet people, in one line."})
    session = ash.create_session("hello")
    for delta in session.send("Good morning!", includePartialMessages=True).deltas():
        print(delta, end="", flush=True)
    print()
    session.end()
