"""The compose file against its schema, and against everything that it refers to."""

import re
from pathlib import Path

import pytest

from stream.settings import load as load_settings
from tests.deploy.tools import DEPLOY, load, run

COMPOSE = load(DEPLOY / "compose.yaml")
SERVICES = COMPOSE["services"]
PROMETHEUS = load(DEPLOY / "prometheus" / "prometheus.yaml")


def test_the_file_follows_the_compose_specification() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")


def test_images_are_pinned_and_built_ones_have_a_recipe() -> None:
    for name, service in SERVICES.items():
        if "build" in service:
            context = (DEPLOY / service["build"]["context"]).resolve()
            assert (context / service["build"]["dockerfile"]).is_file(), name
        else:
            assert re.fullmatch(r"[a-z]+/[a-z-]+:v?\d+\.\d+\.\d+", service["image"]), name


def test_services_networks_volumes_and_secrets_that_are_used_are_defined() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("depends_on", {})) <= set(SERVICES), name
        assert set(service["networks"]) <= set(COMPOSE["networks"]), name
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), f"{name} mounts {source}"
                assert volume.endswith(":ro"), f"{name} could write to {source}"
            else:
                assert source in COMPOSE["volumes"], f"{name} mounts {source}"


def test_what_a_service_waits_for_can_become_true() -> None:
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "test" in SERVICES[other]["healthcheck"], (
                    f"{name} waits for the health of {other}, which has none"
                )
            elif wait["condition"] == "service_completed_successfully":
                assert SERVICES[other]["restart"].startswith("on-failure"), (
                    f"{other} would be started again and again"
                )


def test_every_long_running_service_is_started_again_and_says_how_it_is() -> None:
    image_has_its_own = "HEALTHCHECK" in (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    for name, service in SERVICES.items():
        if name == "topics":
            continue
        assert service["restart"] == "unless-stopped", name
        assert "healthcheck" in service or ("build" in service and image_has_its_own), name


def test_only_kafka_and_grafana_are_reachable_and_only_from_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"kafka", "grafana"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_no_password_stands_in_the_file() -> None:
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN", key):
                assert key.endswith("__FILE"), f"{name}: {key}"
                assert Path(value).name in service["secrets"], (
                    f"{name}: {key} points to no secret of the service"
                )
    ignored = (DEPLOY / "secrets" / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    for secret in COMPOSE["secrets"].values():
        assert Path(secret["file"]).parent == Path("secrets")


@pytest.mark.parametrize("service", ["topics", "worker"])
def test_the_program_accepts_the_settings_that_it_is_given(service: str) -> None:
    recipe = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    environment = dict(re.findall(r"\b(STREAM_[A-Z_]+)=(\S+)", recipe)) | SERVICES[service]["environment"]
    settings = load_settings(environment)
    assert settings.brokers == ("kafka:19092",)
    assert settings.http_host == "0.0.0.0"
    assert settings.replication_factor == 1, "the compose file has one broker"


def test_commands_are_commands_of_the_program() -> None:
    assert SERVICES["worker"]["command"] == ["worker"]
    assert SERVICES["topics"]["command"][:2] == ["topics", "create"]


def test_workers_find_the_broker_where_it_listens_for_them() -> None:
    advertised = dict(
        listener.split("://")
        for listener in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    )
    assert SERVICES["worker"]["environment"]["STREAM_BROKERS"] == advertised["INSIDE"]
    host_port = SERVICES["kafka"]["ports"][0].split(":")[1]
    assert advertised["HOST"] == f"localhost:{host_port}"


def test_prometheus_asks_both_workers_on_the_port_of_the_image() -> None:
    recipe = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    (job,) = [job for job in PROMETHEUS["scrape_configs"] if job["job_name"] == "contact-centre-stream"]
    (discovery,) = job["dns_sd_configs"]
    assert discovery["names"] == ["worker"]
    assert SERVICES["worker"]["deploy"]["replicas"] == 2
    assert f"STREAM_HTTP_PORT={discovery['port']}" in recipe
    assert f"EXPOSE {discovery['port']}" in recipe
    assert set(SERVICES["worker"]["networks"]) & set(SERVICES["prometheus"]["networks"])


def test_addresses_between_the_services_are_right() -> None:
    (alertmanager,) = PROMETHEUS["alerting"]["alertmanagers"]
    assert alertmanager["static_configs"][0]["targets"] == ["alertmanager:9093"]
    assert "alertmanager" in SERVICES
    datasource = load(DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yaml")["datasources"][
        0
    ]
    assert datasource["url"] == "http://prometheus:9090"
    assert datasource["jsonData"]["timeInterval"] == PROMETHEUS["global"]["scrape_interval"]
    provider = load(DEPLOY / "grafana" / "provisioning" / "dashboards" / "service-quality.yaml")["providers"][
        0
    ]
    mounted = {volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]}
    assert provider["options"]["path"] in mounted
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.removeprefix(provider["options"]["path"]) in {
        f"/{file.name}" for file in (DEPLOY / "grafana" / "dashboards").glob("*.json")
    }


def test_prometheus_and_alertmanager_read_the_files_that_are_mounted() -> None:
    for name, option in (("prometheus", "--config.file="), ("alertmanager", "--config.file=")):
        (given,) = [word for word in SERVICES[name]["command"] if word.startswith(option)]
        inside = Path(given.removeprefix(option))
        (mount,) = [volume.split(":") for volume in SERVICES[name]["volumes"] if volume.startswith("./")]
        assert inside.parent == Path(mount[1])
        assert (DEPLOY / mount[0] / inside.name).is_file()
