"""Permissions on a broker that asks for them, in Kafka's own numbers: aiokafka has the request, and no words for it."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

RESOURCES = {"topic": 2, "group": 3, "cluster": 4, "transactional id": 5}
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
ALLOWED, DENIED = 3, 2
LITERAL, PREFIXED = 3, 4


class Acl(NamedTuple):
    """One user, one operation, one resource by its name or, with a star at the end, by the beginning of it."""

    user: str
    operation: str
    resource: str
    name: str
    permission: int = ALLOWED


def create(bootstrap: str, acls: Iterable[Acl]) -> None:
    """Write them; they hold when this returns and the broker has heard of them."""

    async def run() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            for one in acls:
                request = CreateAclsRequest(
                    RESOURCES[one.resource],
                    one.name.removesuffix("*"),
                    PREFIXED if one.name.endswith("*") else LITERAL,
                    f"User:{one.user}",
                    "*",
                    OPERATIONS[one.operation],
                    one.permission,
                )
                response = await admin._send_request(request)
                assert all(code == 0 for code, *_ in response.creation_responses), response
        finally:
            await admin.close()

    asyncio.run(run())
