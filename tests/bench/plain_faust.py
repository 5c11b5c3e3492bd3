"""The job's own two metrics as Faust's tutorial teaches it: agents that take events one by one, and tables.

``python -m tests.bench.plain_faust BROKERS PREFIX EVENTS`` ends when so many events have been processed.
"""

import os
import signal
import sys
import tempfile
from datetime import datetime
from typing import Any

import faust

_MINUTE = 60


def build(brokers: str, prefix: str, events: int) -> faust.App:
    """The app; ids and topics of its own under ``prefix``."""
    app = faust.App(
        f"{prefix}plain",
        broker=f"kafka://{brokers}",
        store="memory://",
        web_enabled=False,
        value_serializer="json",
        topic_partitions=4,
        datadir=tempfile.mkdtemp(prefix="plain-faust-"),
    )
    tickets = app.Table("facts", default=dict)
    figures = app.Table("figures", default=int)
    seen = 0

    def done_one() -> None:
        nonlocal seen
        seen += 1
        if seen == events:
            print(sum(value for key, value in figures.items() if key.endswith("|replies")), flush=True)
            os.kill(os.getpid(), signal.SIGTERM)

    def seconds(event: dict[str, Any]) -> float:
        return datetime.fromisoformat(event["time"]).timestamp()

    def add(ticket: dict[str, Any], at: float, name: str, amount: float) -> None:
        figures[f"{ticket['team']}|{ticket['channel']}|{int(at // _MINUTE)}|{name}"] += amount

    def settle(ticket_id: str, ticket: dict[str, Any]) -> None:
        """Count what is complete and was not counted yet; topics may run ahead of each other."""
        if "created" in ticket:
            if "replied" in ticket and not ticket.get("reply_counted"):
                ticket["reply_counted"] = True
                add(ticket, ticket["replied"], "replies", 1)
                add(ticket, ticket["replied"], "waited", ticket["replied"] - ticket["created"])
            if "score" in ticket and not ticket.get("score_counted"):
                ticket["score_counted"] = True
                add(ticket, ticket["answered"], "answers", 1)
                add(ticket, ticket["answered"], "good", ticket["score"] >= 4)
        tickets[ticket_id] = ticket

    @app.agent(app.topic(f"{prefix}tickets"))
    async def created(stream: Any) -> None:
        async for event in stream:
            if event["type"].endswith("ticket.created.v1"):
                data = event["data"]
                ticket = tickets[data["ticket_id"]]
                ticket.update(team=data["team"], channel=data["channel"], created=seconds(event))
                settle(data["ticket_id"], ticket)
            done_one()

    @app.agent(app.topic(f"{prefix}replies"))
    async def replied(stream: Any) -> None:
        async for event in stream:
            data = event["data"]
            if data["author"] == "agent" and data["public"]:
                ticket = tickets[data["ticket_id"]]
                at = seconds(event)
                if at < ticket.get("replied", float("inf")) and not ticket.get("reply_counted"):
                    ticket["replied"] = at
                    settle(data["ticket_id"], ticket)
            done_one()

    @app.agent(app.topic(f"{prefix}surveys"))
    async def answered(stream: Any) -> None:
        async for event in stream:
            data = event["data"]
            if "score" in data:
                ticket = tickets[data["ticket_id"]]
                ticket.update(score=data["score"], answered=seconds(event))
                settle(data["ticket_id"], ticket)
            done_one()

    return app


if __name__ == "__main__":
    faust.Worker(
        build(sys.argv[1], sys.argv[2], int(sys.argv[3])), loglevel="error", quiet=True
    ).execute_from_commandline()
