"""The main story of mesh, told by the official Python client, twice.

Usage: python python_client.py PROGRAM, where `PROGRAM mcp` is the server and MESH_DIR
names its folder. The client holds every reply to the output schema by itself and
raises where one does not match. Needs the package `mcp` (>=2.3,<3).
"""

import asyncio
import json
import os
import sys

from mcp import Client, ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

NINE = ["register", "roster", "claim", "release", "claims", "post", "inbox", "read", "gc"]
TIMEOUT_SECONDS = 60


def server() -> StdioServerParameters:
    env = {"MESH_DIR": os.environ["MESH_DIR"]}
    return StdioServerParameters(command=sys.argv[1], args=["mcp"], env=env)


async def call(session, tool, **arguments):
    """A call that succeeds: its structured content, of which the text is a copy."""
    result = await session.call_tool(tool, arguments)
    assert not result.is_error, f"{tool} {arguments}: {result.content}"
    [text] = result.content
    assert json.loads(text.text) == result.structured_content, "G2: the same as text"
    return result.structured_content


async def refused(session, tool, **arguments):
    """A call that is refused: what it says."""
    result = await session.call_tool(tool, arguments)
    assert result.is_error, f"{tool} {arguments} was to be refused: {result}"
    [text] = result.content
    return text.text


async def story(one, two, me, you):
    """Two sessions, each on a process of its own, share a lock and a message."""
    tools = (await one.list_tools()).tools
    assert [tool.name for tool in tools] == NINE
    assert all(tool.title and tool.output_schema for tool in tools)

    for session, agent in [(one, me), (two, you)]:
        reply = await call(
            session, "register", agent_id=agent, branch="main", prompt_ptr="task.md", role=None
        )
        assert reply["epoch"] == 1, reply
    roster = await call(two, "roster", agent_id=you)
    assert {me, you} <= {agent["agent_id"] for agent in roster["agents"]}

    lock = f"lock of {me}"
    mine = await call(one, "claim", agent_id=me, resource=lock, lease_seconds=600)
    assert (mine["status"], mine["fence"]) == ("granted", 1), mine
    queued = await call(two, "claim", agent_id=you, resource=lock, wait="queue")
    assert (queued["status"], queued["queue_position"]) == ("queued", 1), queued
    [held] = (await call(two, "claims", agent_id=you, resource=lock))["claims"]
    assert held["holder"] == [me] and held["queue"][0]["agent_id"] == you, held
    freed = await call(one, "release", agent_id=me, claim_id=mine["claim_id"], resource=lock)
    assert freed["next_holder"] == you, freed
    yours = await call(two, "claim", agent_id=you, resource=lock)
    assert (yours["status"], yours["fence"]) == ("granted", 2), yours

    text = "done \N{CRAB} 漢字"
    sent = await call(two, "post", agent_id=you, to=me, body=text, key="1")
    again = await call(two, "post", agent_id=you, to=me, body=text, key="1")
    assert sent == again, "M7: a retry posts nothing"
    inbox = await call(one, "inbox", agent_id=me)
    assert [message["body"] for message in inbox["messages"]] == [text], inbox
    read = await call(one, "read", agent_id=me, up_to=sent["message_id"])
    assert read == {"cursor": sent["message_id"], "remaining": 0}, read
    assert (await call(one, "inbox", agent_id=me))["messages"] == []
    assert await call(one, "gc") == {"reclaimed": 0}

    assert await refused(one, "claims") == (
        "agent_id: got nothing; allowed is a string, and it is required"
    )
    assert await refused(one, "inbox", agent_id=me, limit=0) == (
        "limit: got 0; allowed is a whole number from 1 to 1000"
    )
    assert (await call(one, "claims", agent_id=me))["claims"], "the session goes on"


async def stateless():
    async with Client(stdio_client(server())) as one, Client(stdio_client(server())) as two:
        assert one.protocol_version == "2026-07-28", one.protocol_version
        assert one.server_info.name == "mesh"
        await story(one, two, "ada", "ben")


async def with_handshake():
    async with (
        stdio_client(server()) as first,
        stdio_client(server()) as second,
        ClientSession(*first) as one,
        ClientSession(*second) as two,
    ):
        hello = await one.initialize()
        assert hello.protocol_version == "2025-11-25", hello
        await two.initialize()
        await story(one, two, "cleo", "dan")


async def main():
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await stateless()
        await with_handshake()
    print("both sessions: ok")


asyncio.run(main())
