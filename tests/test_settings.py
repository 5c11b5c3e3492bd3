"""Settings: what is written is what is in force, and what is wrong is refused by name."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, CoreConfig
from stream.core.state_shape import shape
from stream.metrics import BY_NAME, selected
from stream.settings import SETTINGS, Settings, SettingsError, load, load_with_origins, memory, table
from stream.settings.forms import parse_duration, show_duration


def refusal(environ: dict[str, str], file: Path | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(environ, file)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_defaults_are_the_documented_ones() -> None:
    settings = load({})
    assert settings.core() == CoreConfig()
    assert settings.runtime().commit_interval_ms == 1000
    assert settings.runtime().windows_interval_ms == 200


def test_every_documented_name_is_read_from_the_environment() -> None:
    settings = load(
        {
            "STREAM_BROKERS": "one:9092,two:9093",
            "STREAM_TOPIC_PREFIX": "cc.",
            "STREAM_APP_ID": "figures",
            "STREAM_HTTP_HOST": "0.0.0.0",
            "STREAM_HTTP_PORT": "0",
            "STREAM_METRICS": "nps,csat",
            "STREAM_GROUPINGS": "all;team;team+channel",
            "STREAM_AGENT_GAUGES": "yes",
            "STREAM_ROLLUP_WINDOWS": "1d,5m",
            "STREAM_GAUGE_WINDOWS": "24h",
            "STREAM_LATENESS": "90s",
            "STREAM_CORRECTION_HORIZON": "5m:2h,1d:35d",
            "STREAM_CLOCK": "event",
            "PATH": "/usr/bin",
        }
    )
    core = settings.core()
    assert settings.runtime().brokers == ("one:9092", "two:9093")
    assert (core.topics.tickets, core.topics.deltas) == ("cc.tickets", "figures-deltas")
    assert (settings.http_host, settings.http_port) == ("0.0.0.0", 0)
    assert core.metrics == ("nps", "csat")
    assert core.groupings == ((), ("team",), ("team", "channel"))
    assert (settings.agent_gauges, Settings().agent_gauges) == (True, False)
    assert core.rollup_windows_ms == (5 * MINUTE_MS, DAY_MS)
    assert core.gauge_windows_ms == (DAY_MS,)
    assert core.lateness_ms == 90_000
    assert core.horizons_ms == {5 * MINUTE_MS: 2 * HOUR_MS, DAY_MS: 35 * DAY_MS}
    assert core.clock == "event"


def test_one_horizon_is_that_of_all_windows() -> None:
    core = load({"STREAM_CORRECTION_HORIZON": "3h", "STREAM_ROLLUP_WINDOWS": "1m,1h"}).core()
    assert core.horizons_ms == {MINUTE_MS: 3 * HOUR_MS, HOUR_MS: 3 * HOUR_MS}


def test_defaults_follow_what_was_chosen() -> None:
    chosen = {"STREAM_METRICS": "nps", "STREAM_ROLLUP_WINDOWS": "5m,2h"}
    core = load(chosen).core()
    assert core.alerts == ()
    (note,) = load_with_origins(chosen).notes
    assert "there is no alert rule" in note
    for fine in ({}, {**chosen, "STREAM_ALERTS": "none"}):
        assert load_with_origins(fine).notes == ()
    assert core.horizons_ms == {5 * MINUTE_MS: 6 * HOUR_MS, 2 * HOUR_MS: 35 * DAY_MS}


def test_the_customers_topic_is_read_only_where_one_of_their_metrics_is_chosen() -> None:
    plain = load({}).core()
    assert not plain.customers
    assert plain.sources == plain.topics.sources
    other = load({"STREAM_MARGIN": "30", "STREAM_ENGAGEMENT": "mentions:3"}).core()
    assert shape(plain, selected(plain)) == shape(other, selected(other))
    for name in ("retention_rate", "sentiment_share"):
        core = load({"STREAM_METRICS": f"csat,{name}", "STREAM_ENGAGEMENT": "mentions:3,referrals:0"}).core()
        assert core.customers
        assert core.sources[-1] == "contact-centre.customers"
        assert core.engagement == {"mentions": 3, "referrals": 0}
        assert core.feeds == 2 * core.source_partitions
    assert not load({"STREAM_METRICS": "csat,channel_share"}).core().customers


OF_CUSTOMERS = ",".join(name for name, metric in BY_NAME.items() if metric.entity == "customer")


@pytest.mark.parametrize(
    ("metric", "fires", "threshold"),
    [
        ("retention_rate", "below", 0.9),
        (
            "retention_rate",
            "below",
            -0.2,
        ),  # more left than there were at the start: they joined in the window
        ("churn_rate", "above", 0.08),
        ("churn_rate", "above", 1.5),
        ("referral_rate", "above", 1.5),
        ("referral_rate", "below", 0.1),
        ("csat_change", "below", -0.1),
        ("sentiment_share", "below", 0.5),
        ("sentiment_share_negative", "above", 0.3),
        ("lifetime_value_historic_eur", "below", 75_000),
        ("engagement", "below", 0.5),
        ("channel_share_voice", "above", 0.8),
        ("csat_mean_1_5", "below", 3.5),
    ],
)
def test_a_rule_can_watch_each_figure_of_customers(metric: str, fires: str, threshold: float) -> None:
    rule = f'[{{"name": "a", "metric": "{metric}", "threshold": {threshold}, "fires": "{fires}"}}]'
    names = f"csat,csat_mean,channel_share,{OF_CUSTOMERS}"
    assert load({"STREAM_METRICS": names, "STREAM_ALERTS": rule}).alerts[0].metric == metric


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ('"metric": "live", "threshold": 1', "live has no window"),
        ('"metric": "lifetime_value", "threshold": 1', "name one of its figures (lifetime_value_historic_"),
        ('"metric": "channel_share", "threshold": 0.5', "name one of its figures (channel_share_email"),
        ('"metric": "sentiment_share_angry", "threshold": 0.5', "did you mean sentiment_share"),
        ('"metric": "retention_rate", "threshold": 90', "it always is; its values are -inf to 1 (ratio)"),
        ('"metric": "churn_rate", "threshold": 0', "it never is; its values are 0 to inf (ratio)"),
        ('"metric": "csat_change", "threshold": 3', "its values are -1 to 1 (score)"),
        ('"metric": "csat_mean_1_5", "threshold": 6', "its values are 1 to 5 (score)"),
        ('"metric": "csat", "threshold": 1, "fires": "above"', "it never is"),
        (
            '"metric": "csat", "threshold": 0.95, "clear_margin": 0.1',
            "it clears at 1.05, which csat never is",
        ),
        (
            '"metric": "referral_rate", "threshold": 0.1, "fires": "above", "interval": true',
            "leave interval out",
        ),
        ('"metric": "first_reply_time", "threshold": 600, "interval": true', "leave interval out"),
    ],
)
def test_a_rule_that_could_never_fire_or_clear_is_refused_with_what_to_do(rule: str, says: str) -> None:
    names = f"csat,csat_mean,first_reply_time,channel_share,live,{OF_CUSTOMERS}"
    said = refusal({"STREAM_METRICS": names, "STREAM_ALERTS": f'[{{"name": "a", {rule}}}]'})
    assert "STREAM_ALERTS" in said
    assert says in said


BAD = [
    ("STREAM_BROKERS", "localhost"),
    ("STREAM_BROKERS", "a:1,,b:2"),
    ("STREAM_BROKERS", "a:99999"),
    ("STREAM_TOPIC_PREFIX", "a b"),
    ("STREAM_APP_ID", ""),
    ("STREAM_HTTP_PORT", "70000"),
    ("STREAM_HTTP_PORT", "http"),
    ("STREAM_DLQ_LIMIT", "50%"),
    ("STREAM_DLQ_LIMIT", "0%/1000"),
    ("STREAM_DLQ_LIMIT", "101%/1000"),
    ("STREAM_DLQ_LIMIT", "100/1m"),
    ("STREAM_METRICS", "csat,cast"),
    ("STREAM_METRICS", "csat,csat"),
    ("STREAM_METRICS", ""),
    ("STREAM_CES_DIRECTION", "low"),
    ("STREAM_QUALITY_CRITERIA", "Tone of voice"),
    ("STREAM_QUALITY_CRITERIA", ",".join(f"c{number}" for number in range(101))),
    ("STREAM_QUALITY_CRITERIA", "tone__of_voice"),
    ("STREAM_FIRST_REPLY_WITHIN", ""),
    ("STREAM_FIRST_REPLY_WITHIN", "10"),
    ("STREAM_FIRST_REPLY_WITHIN", "1500ms"),
    ("STREAM_FIRST_REPLY_WITHIN", "16m,1001s"),
    ("STREAM_FIRST_REPLY_WITHIN", "3d"),
    ("STREAM_FIRST_REPLY_WITHIN", "60m,1h"),
    ("STREAM_SERVICE_LEVEL_SECONDS", ""),
    ("STREAM_SERVICE_LEVEL_SECONDS", "20s"),
    ("STREAM_SERVICE_LEVEL_SECONDS", "0"),
    ("STREAM_SERVICE_LEVEL_SECONDS", "20,2001"),
    ("STREAM_SERVICE_LEVEL_SECONDS", "20,20"),
    ("STREAM_SERVICE_LEVEL_SECONDS", "[]"),
    ("STREAM_SERVICE_LEVEL_SECONDS", '{"vip": []}'),
    ("STREAM_SERVICE_LEVEL_SECONDS", '{"vip": [true]}'),
    ("STREAM_SERVICE_LEVEL_SECONDS", '{"": 20}'),
    ("STREAM_SERVICE_LEVEL_SECONDS", '{"vip": 20'),
    ("STREAM_SERVICE_LEVEL_SECONDS", str(list(range(1, 22)))),
    ("STREAM_SHORT_ABANDON_SECONDS", "-1"),
    ("STREAM_GROUPINGS", "all;tenant"),
    ("STREAM_GROUPINGS", "team+channel;channel+team"),
    ("STREAM_GROUPINGS", "taem"),
    ("STREAM_GROUPINGS", "location"),
    ("STREAM_SEGMENT_LABELS", "team"),
    ("STREAM_SEGMENT_LABELS", "Location"),
    ("STREAM_CSAT_BANDS", "80"),
    ("STREAM_CSAT_BANDS", "80,60"),
    ("STREAM_CSAT_BANDS", "60,80,90"),
    ("STREAM_CSAT_BANDS", "0.6,0.8"),
    ("STREAM_FIRST_CONTACT_DAYS", "0"),
    ("STREAM_FIRST_CONTACT_DAYS", "7d"),
    ("STREAM_MARGIN", "101"),
    ("STREAM_MARGIN", "30%"),
    ("STREAM_ENGAGEMENT", "purchases"),
    ("STREAM_ENGAGEMENT", "purchases:1,purchases:2"),
    ("STREAM_ENGAGEMENT", "purchase:1"),
    ("STREAM_ENGAGEMENT", "purchases:-1"),
    ("STREAM_ENGAGEMENT", "purchases:0"),
    ("STREAM_ROLLUP_WINDOWS", "90s"),
    ("STREAM_ROLLUP_WINDOWS", "1h,60m"),
    ("STREAM_GAUGE_WINDOWS", "30s"),
    ("STREAM_LATENESS", "5"),
    ("STREAM_LATENESS", "-5s"),
    ("STREAM_LATENESS", "5 minutes"),
    ("STREAM_CORRECTION_HORIZON", "1m:6h"),
    ("STREAM_CORRECTION_HORIZON", "1m:6h,1h:35d,1d:35d,5m:1h"),
    ("STREAM_CORRECTION_HORIZON", "900d"),
    ("STREAM_CLOCK", "sundial"),
    ("STREAM_PARTITIONER", "random"),
    ("STREAM_HEARTBEAT_INTERVAL", "9s"),
    ("STREAM_STATE_LIMIT", "1MiB"),
    ("STREAM_STATE_LIMIT", "lots"),
    ("STREAM_ALLOW_VOLATILE", "perhaps"),
    ("STREAM_SECURITY_PROTOCOL", "SASL_SSL"),
    ("STREAM_SASL_USERNAME", "me"),
    ("STREAM_SASL_PASSWORD_FILE", "/nowhere/at/all"),
    ("STREAM_TLS_CA_FILE", __file__),
    ("STREAM_ALERTS", "{}"),
    ("STREAM_ALERTS", '[{"name": "a", "metric": "csat", "threshold": 80}]'),
    ("STREAM_ALERTS", '[{"name": "a", "metric": "live", "threshold": 8}]'),
    ("STREAM_ALERTS", '[{"name": "a", "metric": "csat", "threshold": 0.8, "segment": "agent=*"}]'),
    ("STREAM_ALERTS", '[{"name": "a", "metric": "csat"}]'),
    ("STREAM_ALERTS", '[{"name": "a", "metric": "nsp", "threshold": 1}]'),
    ("STREAM_ALERTS", '[{"name": "a", "metric": "nps", "threshold": true}]'),
    ("STREAM_ALERTS", '[{"name": "a", "metric": "nps", "threshold": 1, "window": "2h"}]'),
    ("STREAM_ALERTS", '[{"name": "a", "metric": "nps", "threshold": 1, "fires": "sometimes"}]'),
    ("STREAM_ALERTS", '[{"name": "a", "metric": "nps", "threshold": 1, "min_n": -1}]'),
    ("STREAM_ALERTS", '[{"name": "a", "metric": "nps", "threshold": 1, "segment": "team"}]'),
    ("STREAM_ALERTS", '[{"name": "A", "metric": "nps", "threshold": 1}]'),
    (
        "STREAM_ALERTS",
        '[{"name": "a", "metric": "nps", "threshold": 1}, {"name": "a", "metric": "nps", "threshold": 2}]',
    ),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    message = refusal({name: value})
    named = {
        "STREAM_SASL_USERNAME": "STREAM_SECURITY_PROTOCOL",
        "STREAM_TLS_CA_FILE": "STREAM_SECURITY_PROTOCOL",
    }
    if value not in ("900d", "location"):  # what they do to others is said there
        assert named.get(name, name) in message


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("STREAM_LATENESS=8d", "from 0s to 7d"),
        ("STREAM_HTTP_PORT=x", "a whole number from 0 to 65535"),
        ("STREAM_CLOCK=x", "one of wall, event"),
        ("STREAM_METRICS=x", "survey_response"),
        ("STREAM_CORRECTION_HORIZON=900d", "MiB"),
        ("STREAM_GROUPINGS=taem", "did you mean team?"),
        ('STREAM_ALERTS=[{"name": "a", "metric": "nps", "treshold": 1}]', "did you mean threshold?"),
    ],
)
def test_the_refusal_says_what_is_allowed(value: str, says: str) -> None:
    name, _, text = value.partition("=")
    assert says in refusal({name: text})


def test_the_longest_running_window_is_compared_unless_others_are_asked_for() -> None:
    assert load({}).core().compare_windows_ms == (DAY_MS,)
    assert load({"STREAM_GAUGE_WINDOWS": "5m,1h", "STREAM_ALERTS": "none"}).core().compare_windows_ms == (
        HOUR_MS,
    )
    chosen = load({"STREAM_COMPARE_WINDOWS": "24h,1h", "STREAM_COMPARE_MIN_N": "30"})
    assert chosen.core().compare_windows_ms == (HOUR_MS, DAY_MS)
    assert chosen.core().compare_min_n == 30
    assert load({"STREAM_COMPARE_WINDOWS": "none"}).core().compare_windows_ms == ()
    said = refusal({"STREAM_COMPARE_WINDOWS": "7d"})
    assert "STREAM_COMPARE_WINDOWS is '168h': 168h is not in STREAM_GAUGE_WINDOWS" in said
    assert "longest, none, or some of STREAM_GAUGE_WINDOWS" in refusal({"STREAM_COMPARE_WINDOWS": "always"})


def test_what_is_compared_builds_nothing_anew() -> None:
    usual, other = load({}).core(), load({"STREAM_COMPARE_WINDOWS": "1h", "STREAM_COMPARE_MIN_N": "1"}).core()
    assert shape(usual, selected(usual)) == shape(other, selected(other))


def test_running_windows_are_part_of_the_memory_that_is_estimated() -> None:
    core = load({}).core()
    metrics = selected(core)
    without = memory.estimate(msgspec.structs.replace(core, gauge_windows_ms=()), metrics)
    estimate = memory.estimate(core, metrics)
    row_bytes = memory.ROW_BYTES + memory.METRIC_BYTES * estimate.metrics
    more = estimate.bytes - without.bytes - (estimate.rows - without.rows) * row_bytes
    assert more == 1_000 * estimate.metrics * (memory.RUNNING_BYTES + 2 * memory.RUNNING_BYTES // 5)


def test_an_alert_can_name_each_figure_of_a_metric() -> None:
    def alert(metric: str, threshold: float = 0.8) -> dict[str, str]:
        rule = f'[{{"name": "a", "metric": "{metric}", "threshold": {threshold}}}]'
        return {
            "STREAM_METRICS": "service_level,ces",
            "STREAM_SERVICE_LEVEL_SECONDS": "20,60",
            "STREAM_ALERTS": rule,
        }

    for figure in ("service_level", "service_level_20s", "service_level_60s"):
        assert load(alert(figure)).alerts[0].metric == figure
    assert load(alert("ces", 4.5)).alerts[0].threshold == 4.5
    assert "0 to 1 (ratio)" in refusal(alert("service_level_60s", 80))
    assert "did you mean service_level_60s?" in refusal(alert("service_level_61s"))


def test_service_levels_without_a_table_are_those_of_all_queues() -> None:
    for text in ("20,60", "[20, 60]", '{"*": [20, 60]}'):
        settings = load({"STREAM_SERVICE_LEVEL_SECONDS": text})
        assert settings.core().service_level_seconds == {"*": (20, 60)}
        assert SETTINGS["service_level_seconds"].form.show(settings.service_level_seconds) == "20,60"


def test_a_mistyped_name_is_refused_with_the_nearest_one() -> None:
    assert "did you mean STREAM_LATENESS?" in refusal({"STREAM_LATENES": "5s"})
    assert "did you mean STREAM_SASL_PASSWORD_FILE?" in refusal({"STREAM_SASL_PASSWORD": "secret"})
    assert "secret" not in refusal({"STREAM_SASL_PASSWORD": "secret"})


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / "stream.toml"
    file.write_text(
        """
        lateness = "2m"
        http_port = 8080
        allow_volatile = true
        rollup_windows = ["1m", "1h"]
        groupings = ["all", "team", "team+channel"]
        first_reply_within = ["30s", "2h"]
        service_level_seconds = { vip = [10, 5], chat = 30 }
        quality_criteria = ["tone", "facts"]
        correction_horizon = { "1m" = "1h", "1h" = "2d" }

        [[alerts]]
        name = "slow"
        metric = "nps"
        fires = "above"
        threshold = 60
        window = "1h"
        min_n = 20
        for = "10m"
        clear_margin = 5
        interval = true
        severity = "critical"
        segment = "team=*"
        """
    )
    settings, origins = load_with_origins({"STREAM_LATENESS": "3m", "STREAM_CONFIG": str(file)})
    assert settings.lateness == 3 * MINUTE_MS
    assert settings.http_port == 8080
    assert settings.allow_volatile
    assert settings.core().groupings == ((), ("team",), ("team", "channel"))
    assert settings.core().horizons_ms == {MINUTE_MS: HOUR_MS, HOUR_MS: 2 * DAY_MS}
    assert settings.core().first_reply_within_ms == (30_000, 2 * HOUR_MS)
    assert settings.core().service_level_seconds == {"*": (20,), "vip": (10, 5), "chat": (30,)}
    assert settings.core().quality_criteria == ("tone", "facts")
    (rule,) = settings.alerts
    assert (rule.below, rule.threshold, rule.window_ms, rule.min_n) == (False, 60.0, HOUR_MS, 20)
    assert (rule.for_ms, rule.clear_margin, rule.interval) == (10 * MINUTE_MS, 5, True)
    assert (rule.severity, rule.segment) == ("critical", {"team": "*"})
    assert (origins["lateness"], origins["http_port"], origins["clock"]) == ("environment", "file", "default")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("latenes = '5s'", "did you mean lateness?"),
        ("lateness = ", "is no TOML"),
        ("lateness = 5", "lateness in "),
        ("[[alerts]]\nname = 'a'", "metric is missing"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "stream.toml"
    file.write_text(text)
    assert says in refusal({}, file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal({}, tmp_path / "none.toml")


def test_what_is_shown_is_read_as_the_same(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    environ = {
        "STREAM_SECURITY_PROTOCOL": "sasl_ssl",
        "STREAM_SASL_USERNAME": "me",
        "STREAM_SASL_PASSWORD_FILE": str(secret),
        "STREAM_SEGMENT_LABELS": "location",
        "STREAM_GROUPINGS": "all;team;location+team",
        "STREAM_SERVICE_LEVEL_SECONDS": '{"a, b": [60, 20], "*": 30}',
        "STREAM_FIRST_REPLY_WITHIN": "1h,45s",
        "STREAM_ALERTS": '[{"name": "a", "metric": "nps", "threshold": 10, "segment": "team=a%26b&tenant=*"}]',
    }
    settings = load(environ)
    texts = {setting.env: setting.form.show(getattr(settings, name)) for name, setting in SETTINGS.items()}
    assert load(texts) == settings


def test_the_reference_names_every_setting() -> None:
    document = table.render()
    assert all(f"`{setting.env}`" in document for setting in SETTINGS.values())
    assert table.FILE.read_text(encoding="utf-8") == document


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings().lateness = 1  # type: ignore[misc]  # that is the point


@given(st.integers(min_value=0, max_value=10**12))
def test_durations_are_read_as_they_are_shown(duration_ms: int) -> None:
    assert parse_duration(show_duration(duration_ms)) == duration_ms
    assert parse_duration(show_duration(duration_ms, "h")) == duration_ms


@given(st.text(max_size=8))
def test_no_text_breaks_the_reader(text: str) -> None:
    for setting in SETTINGS.values():
        try:
            settings = load({setting.env: text})
        except SettingsError:
            continue
        shown = setting.form.show(getattr(settings, setting.name))
        assert getattr(load({setting.env: shown}), setting.name) == getattr(settings, setting.name)


def test_authors_that_are_bots_are_named_by_tenant_and_key() -> None:
    written = "acme/3fa9c1,a/b c/000000,acme/499eca"
    settings = load({"STREAM_BOT_AUTHORS": written})
    assert settings.core().bot_authors == {
        "acme": {bytes.fromhex("3fa9c1"), bytes.fromhex("499eca")},
        "a/b c": {b"\0\0\0"},
    }
    shown = SETTINGS["bot_authors"].form.show(settings.bot_authors)
    assert load({"STREAM_BOT_AUTHORS": shown}).core() == settings.core()
    assert load({"STREAM_BOT_AUTHORS": " "}).core() == CoreConfig()


@pytest.mark.parametrize(
    "written",
    ["3fa9c1", "acme/3fa9c", "acme/3FA9C1", "acme/bot-17", "/3fa9c1", "acme/3fa9c1,", "a/3fa9c1,a/3fa9c1"],
)
def test_authors_in_another_form_are_refused_with_where_to_get_the_key(written: str) -> None:
    message = refusal({"STREAM_BOT_AUTHORS": written})
    assert "STREAM_BOT_AUTHORS is" in message
    assert "TENANT/KEY" in message
