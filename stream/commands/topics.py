"""``stream topics``: what the topics should be like, what they are, and making them."""

import sys
from collections.abc import Mapping, Sequence

import click
import msgspec

from stream.commands import CommandError, Context, kafka
from stream.core.config import CoreConfig
from stream.runtime import clients, permissions, topics
from stream.runtime.topic_specs import TopicSpec, specs, unread
from stream.runtime.topics import Problem, TopicState
from stream.settings import Settings
from stream.settings.forms import show_duration


@click.command()
@click.argument("action", type=click.Choice(["show", "create", "check"]))
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(context: Context, *, action: str, as_json: bool) -> None:
    """Show, create or check the topics on the brokers.

    show: every topic with its purpose, its partitions and what it should have. create: make the missing ones, leave the others
    as they are; nothing is made while the partition counts of existing ones do not fit. check: compare partitions, cleanup
    policies, retention, time stamps and permissions with what exact figures need; exit code 1 if anything is wrong, 0 with
    warnings alone.
    """
    settings = context.settings
    core = kafka.run(settings, kafka.fitted_core(settings))
    wanted = specs(core) if action == "check" else (*specs(core), *unread(core))
    if action == "create":
        created = kafka.run(settings, _create(settings, wanted))
        if as_json:
            print(msgspec.json.encode(created).decode())
        else:
            print("\n".join(f"created {name}" for name in created) or "all topics are there already")
        return
    states = kafka.run(settings, _describe(settings, wanted))
    found = topics.problems(wanted, states)
    if as_json:
        print(_json(wanted, states, found))
    elif action == "show":
        _show(wanted, states)
    else:
        for problem in found:
            print(f"{problem.severity}: {problem.topic} {problem.text}", file=sys.stderr)
    errors = sum(problem.severity == "error" for problem in found)
    if action == "check":
        if not errors:
            kafka.run(settings, _try(settings, core))
        if errors:
            raise CommandError(f"{errors} of {len(wanted)} topics cannot be used as they are (see above)")
        if not as_json:
            print(f"{len(wanted)} topics are as they must be")


async def _create(settings: Settings, wanted: Sequence[TopicSpec]) -> list[str]:
    admin = clients.admin(settings.runtime())
    try:
        await admin.start()
        wrong = topics.wrong_counts(wanted, await topics.describe(admin, [spec.name for spec in wanted]))
        if wrong:
            raise CommandError(
                "nothing was created: " + "; ".join(f"topic {one.topic} {one.text}" for one in wrong)
            )
        return await topics.create(admin, wanted, settings.replication_factor)
    finally:
        await admin.close()


async def _try(settings: Settings, core: CoreConfig) -> None:
    """Raise StartError for the first permission that this user lacks; a broker without transactions has none to ask for."""
    config = settings.runtime()
    if await clients.has_transactions(config):
        await permissions.check(config, core)


async def _describe(settings: Settings, wanted: Sequence[TopicSpec]) -> dict[str, TopicState]:
    admin = clients.admin(settings.runtime())
    try:
        await admin.start()
        return await topics.describe(admin, [spec.name for spec in wanted])
    finally:
        await admin.close()


def _show(wanted: Sequence[TopicSpec], states: Mapping[str, TopicState]) -> None:
    rows = [("topic", "partitions", "cleanup", "kept for", "purpose")]
    for spec in wanted:
        state = states[spec.name]
        partitions = f"{state.partitions}" if state.partitions is not None else state.error
        if state.partitions not in (None, spec.partitions):
            partitions += f" (not {spec.partitions})" if spec.exact else ""
        cleanup = (
            state.config.get("cleanup.policy", "")
            if state.config
            else f"(wants {spec.config['cleanup.policy']})"
        )
        retention = int(state.config.get("retention.ms", -1)) if "delete" in cleanup else -1
        kept = show_duration(retention) if retention >= 0 else ""
        rows.append((spec.name, partitions, cleanup, kept, spec.purpose))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)) + f"  {row[4]}")


def _json(wanted: Sequence[TopicSpec], states: Mapping[str, TopicState], found: Sequence[Problem]) -> str:
    document = [
        {
            "topic": spec.name,
            "purpose": spec.purpose,
            "wanted": {"partitions": spec.partitions, "config": dict(spec.config)},
            "found": {
                "partitions": states[spec.name].partitions,
                "error": states[spec.name].error,
                "config": {name: states[spec.name].config.get(name) for name in spec.config},
            },
            "problems": [
                {"severity": one.severity, "text": one.text} for one in found if one.topic == spec.name
            ],
        }
        for spec in wanted
    ]
    return msgspec.json.format(msgspec.json.encode(document)).decode()
