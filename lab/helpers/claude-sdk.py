"""A program of somebody's that embeds Claude by its SDK."""

import asyncio

from claude_agent_sdk import ClaudeAgentOptions, ResultMessage, query


async def main() -> None:
    options = ClaudeAgentOptions(permission_mode="bypassPermissions")
    async for message in query(prompt="Look at the project", options=options):
        if isinstance(message, ResultMessage):
            print(message.result)


asyncio.run(main())
