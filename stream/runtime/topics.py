"""Topics as they are on the brokers, compared with what they should be (:mod:`stream.runtime.topic_specs`), and created."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    TopicAlreadyExistsError,
    for_code,
)

from stream.core.config import DAY_MS, CoreConfig
from stream.runtime import clients, generations
from stream.runtime.config import RuntimeConfig
from stream.runtime.errors import StartError
from stream.runtime.topic_specs import DEAD_LETTER_BYTES, LARGE_BYTES, TopicSpec, specs

NOT_THERE = "does not exist"

DELETED = (
    "state was deleted. Restore the topic, or stop all workers and start one with `stream worker --rebuild`, which builds the state anew "
    "from what the source topics still hold"
)

BROKER_DEFAULT_BYTES = 1_048_588
"""``message.max.bytes`` of a Kafka broker that nobody has set up: what is assumed where it does not tell."""


IN_SYNC = "min.insync.replicas"
"""How many copies have what a broker says it has taken; brokers' default is one, the leader's. Two of two would stop with either."""


class TopicState(NamedTuple):
    """One topic as it is."""

    name: str
    partitions: int | None
    """None: not there or not visible."""
    config: Mapping[str, str] = {}
    """Empty where the broker does not tell."""
    error: str = ""
    replicas: int = 0
    """Copies of the partition that has the fewest."""


class Problem(NamedTuple):
    """Something that keeps the figures from being exact (error), or that may hurt later (warning)."""

    severity: Literal["error", "warning"]
    topic: str
    text: str


async def describe(admin: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, TopicState]:
    """The state of the topics. Topics that are not there or not visible have no partitions and say why."""
    existing = set(await admin.list_topics()) & set(names)  # many brokers create what is asked after by name
    states: dict[str, TopicState] = {}
    for topic in await admin.describe_topics(sorted(existing)) if existing else ():
        if topic["error_code"] == 0:
            copies = min((len(partition["replicas"]) for partition in topic["partitions"]), default=0)
            states[topic["topic"]] = TopicState(topic["topic"], len(topic["partitions"]), replicas=copies)
        else:
            error = for_code(topic["error_code"]).__name__
            states[topic["topic"]] = TopicState(topic["topic"], None, error=error)
    for name, config in (
        await _configs(admin, [n for n, s in states.items() if s.partitions is not None])
    ).items():
        states[name] = states[name]._replace(config=config)
    return {name: states.get(name, TopicState(name, None, error=NOT_THERE)) for name in names}


async def _configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Settings of topics; left out where the broker does not tell (permission, or an embedded broker)."""
    if not names:
        return {}
    try:
        responses = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        )
    except KafkaError:
        return {}
    found: dict[str, dict[str, str]] = {}
    for response in responses:
        for resource in response.resources:
            error_code, _, _, name, entries = resource[:5]
            if error_code == 0:
                found[name] = {entry[0]: entry[1] for entry in entries}
    return found


async def create(
    admin: AIOKafkaAdminClient, wanted: Iterable[TopicSpec], replication_factor: int
) -> list[str]:
    """Create the topics that are not there; return their names. Raises KafkaError with what the broker said."""
    wanted = list(wanted)
    states = await describe(admin, [spec.name for spec in wanted])
    missing = [spec for spec in wanted if states[spec.name].error == NOT_THERE]
    if not missing:
        return []
    in_sync = {IN_SYNC: "2"} if replication_factor > 2 else {}
    response = await admin.create_topics(
        [
            NewTopic(spec.name, spec.partitions, replication_factor, topic_configs={**spec.config, **in_sync})
            for spec in missing
        ]
    )
    created = []
    for name, code, *message in response.topic_errors:
        if code == 0:
            created.append(name)
        elif for_code(code) is not TopicAlreadyExistsError:
            raise for_code(code)(
                f"topic {name} was not created: {message[0] if message and message[0] else for_code(code).__name__}"
            )
    return created


def wrong_counts(wanted: Iterable[TopicSpec], states: Mapping[str, TopicState]) -> list[Problem]:
    """Topics that exist with a partition count that nothing can be built on."""
    return [
        Problem("error", spec.name, _count_text(spec, count))
        for spec in wanted
        if spec.exact and (count := states[spec.name].partitions) not in (None, spec.partitions)
    ]


def problems(
    wanted: Iterable[TopicSpec], states: Mapping[str, TopicState], *, volatile: bool = False
) -> list[Problem]:
    """What is wrong, errors first. On a volatile broker only what would give wrong figures."""
    found: list[Problem] = []
    for spec in wanted:
        state = states[spec.name]
        if state.partitions is None:
            how = f"create it with {spec.partitions} partitions (`stream topics create`)"
            found.append(
                Problem("error", spec.name, f"{state.error}; {how}, or check what this user may see")
            )
            continue
        if spec.exact and state.partitions != spec.partitions:
            found.append(Problem("error", spec.name, _count_text(spec, state.partitions)))
        if not volatile and state.config:
            found.extend(_config_problems(spec, state.config))
            if state.replicas > 2 and int(state.config.get(IN_SYNC, "2")) < 2:
                alone = f"{IN_SYNC} is 1 of {state.replicas} copies: a commit that only the leader has is lost with it; set it to 2"
                found.append(Problem("warning", spec.name, alone))
    return sorted(found, key=lambda problem: problem.severity)


def _count_text(spec: TopicSpec, partitions: int) -> str:
    setting = (
        "STREAM_PARTITIONS"
        if spec.kind == "source"
        or spec.name.endswith(("-tickets-changelog", "-customers-changelog", "-answers"))
        else "STREAM_DELTA_PARTITIONS"
    )
    return (
        f"has {partitions} partitions, expected {spec.partitions}: the sources must have equal counts, and the internal topics "
        f"follow them; set {setting}, or recreate the topic"
    )


def _config_problems(spec: TopicSpec, config: Mapping[str, str]) -> Iterable[Problem]:
    policies = {policy.strip() for policy in config.get("cleanup.policy", "").split(",")}
    wanted = set(spec.config["cleanup.policy"].split(","))
    if spec.name.endswith(("-changelog", "-generations")) and policies != wanted:
        yield Problem(
            "error",
            spec.name,
            f"cleanup.policy is {','.join(sorted(policies))}: state would be deleted; set it to compact",
        )
    elif "compact" in policies and "compact" not in wanted:
        yield Problem(
            "error",
            spec.name,
            "cleanup.policy compacts: records would vanish before they are read; set it to delete",
        )
    elif policies != wanted:
        yield Problem(
            "warning",
            spec.name,
            f"cleanup.policy is {config.get('cleanup.policy')}, expected {spec.config['cleanup.policy']}",
        )
    if spec.kind == "source" and config.get("message.timestamp.type") != "LogAppendTime":
        yield Problem(
            "warning",
            spec.name,
            "message.timestamp.type is not LogAppendTime: whether an event lies too far in the future is judged by the producer's clock",
        )
    retention = int(config.get("retention.ms", "-1")) if "delete" in policies else -1
    if (spec.kind == "source" or spec.name.endswith(("-deltas", "-answers"))) and 0 <= retention < DAY_MS:
        yield Problem(
            "warning",
            spec.name,
            f"retention.ms is {retention}: what is deleted before it is read is lost; keep days",
        )
    elif spec.kind == "output" and 0 <= retention < int(spec.config.get("retention.ms", 0)):
        yield Problem(
            "warning", spec.name, f"retention.ms is {retention}, expected {spec.config['retention.ms']}"
        )
    limit = int(config.get("max.message.bytes", LARGE_BYTES))
    if limit < int(spec.config.get("max.message.bytes", 0)):
        yield Problem(
            "warning",
            spec.name,
            f"max.message.bytes is {limit}, expected at least {spec.config['max.message.bytes']}",
        )


async def fitted(config: RuntimeConfig, core: CoreConfig, *, sources: bool, deltas: bool) -> CoreConfig:
    """The configuration with the partition counts that the topics have: of the sources, of the deltas, as asked for.

    Where the sources' counts differ, that of most of them: :func:`problems` names the others. Without topics counts stay.
    Raises StartError, KafkaError.
    """
    if not (sources or deltas):
        return core
    admin = clients.admin(config)
    try:
        await admin.start()
        states = await describe(admin, (*core.sources, core.topics.deltas))
    except KafkaConnectionError as exc:
        raise StartError(clients.no_broker(config)) from exc
    finally:
        await admin.close()
    found = Counter(count for name in core.sources if (count := states[name].partitions))
    count = found.most_common(1)[0][0] if sources and found else None
    delta_count = states[core.topics.deltas].partitions if deltas else None
    return msgspec.structs.replace(
        core,
        source_partitions=count or core.source_partitions,
        delta_partitions=delta_count or core.delta_partitions,
    )


async def check(config: RuntimeConfig, core: CoreConfig) -> list[Problem]:
    """Compare what should be with what is."""
    wanted = specs(core)
    admin = clients.admin(config)
    try:
        await admin.start()
        states = await describe(admin, [spec.name for spec in wanted])
    finally:
        await admin.close()
    return problems(wanted, states)


async def prepare(config: RuntimeConfig, core: CoreConfig, *, volatile: bool) -> list[Problem]:
    """Before a worker starts: refuse what would give wrong figures, then create its own topics where they are missing.

    A refused worker leaves nothing behind. Returns the warnings. Raises StartError.
    """
    wanted = specs(core)
    names = [spec.name for spec in wanted]
    admin = clients.admin(config)
    try:
        await admin.start()
        states = await describe(admin, names)
        own = [spec for spec in wanted if spec.kind != "source" and states[spec.name].error == NOT_THERE]
        await _refuse_lost(config, core, admin, states, volatile=volatile)
        _refuse(problems([spec for spec in wanted if spec not in own], states, volatile=volatile))
        if own:
            await create(admin, own, config.replication_factor)
            states = await _wait_for(admin, names, {spec.name for spec in own})
    except KafkaConnectionError as exc:
        raise StartError(clients.no_broker(config)) from exc
    except KafkaError as exc:
        raise StartError(f"{exc}; run `stream topics create` as a user who may create topics") from exc
    finally:
        await admin.close()
    found = problems(wanted, states, volatile=volatile)
    _refuse(found)
    return found


async def _refuse_lost(
    config: RuntimeConfig,
    core: CoreConfig,
    admin: AIOKafkaAdminClient,
    states: Mapping[str, TopicState],
    *,
    volatile: bool,
) -> None:
    """Raise StartError where an internal topic is gone that there was, or is there and empty because somebody made it anew."""
    internal = [spec.name for spec in specs(core) if spec.kind == "internal"]
    missing = [name for name in internal if states[name].error == NOT_THERE]
    promised: dict[str, int] = {}
    if states[core.topics.generations].partitions:
        promised = await generations.promised(config, core, volatile=volatile)
    # What only metrics of customers need is not lost where none has been read yet: the first one may have been chosen just now.
    read = {
        core.topics.customers_changelog: (core.topics.customers, core.topics.answers),
        core.topics.answers: (core.topics.answers,),
    }
    for name in missing:
        if name in promised:
            raise StartError(
                f"topic {name} does not exist, but generation {promised[name]} of the state is in it: {DELETED}"
            )
        if await _has_committed(admin, config.app_id, read.get(name, core.sources)):
            raise StartError(
                f"topic {name} does not exist, but the group {config.app_id} has committed offsets: {DELETED}"
            )
    changelogs = {
        name: count
        for name in internal
        if name.endswith("-changelog") and name in promised and (count := states[name].partitions)
    }
    for name in sorted(changelogs.keys() - await clients.with_records(config, changelogs)):
        raise StartError(
            f"topic {name} is empty, but generation {promised[name]} of the state is in it: {DELETED}"
        )


def _refuse(found: Iterable[Problem]) -> None:
    """Raise StartError for the first error."""
    errors = [problem for problem in found if problem.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more: see `stream topics check`)" if len(errors) > 1 else ""
        raise StartError(f"topic {errors[0].topic} {errors[0].text}{more}")


async def dead_letter_bytes(config: RuntimeConfig, core: CoreConfig) -> int:
    """The largest dead letter that all dead-letter topics take: a larger one would fail every commit that it is in."""
    names = [core.topics.dlq(topic) for topic in core.sources]
    admin = clients.admin(config)
    try:
        await admin.start()
        states = await describe(admin, names)
    finally:
        await admin.close()
    told = [int(states[name].config.get("max.message.bytes") or BROKER_DEFAULT_BYTES) for name in names]
    return min(DEAD_LETTER_BYTES, *told)


async def _wait_for(
    admin: AIOKafkaAdminClient, names: Collection[str], created: set[str]
) -> dict[str, TopicState]:
    for _ in range(100):
        states = await describe(admin, names)
        if all(states[name].partitions for name in created):
            break
        await asyncio.sleep(0.1)
    return states


async def _has_committed(admin: AIOKafkaAdminClient, group: str, topics: Collection[str]) -> bool:
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    except KafkaError:  # no such group, or an embedded broker that does not tell
        return False
    return any(tp.topic in topics and at.offset > 0 for tp, at in offsets.items())
