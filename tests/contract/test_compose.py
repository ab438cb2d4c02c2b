"""docker-compose.yml holds the same components as the embedded stack, and lets nobody in who has no business there."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from pymongo import MongoClient
from pymongo.errors import OperationFailure

import app.settings
import exporters.settings
import monitor.settings
from monitor.catalogue.load import load
from monitor.stack import credentials
from monitor.stack.layout import COMPONENTS, PORTS
from monitor.stack.programs import locate_mongod
from monitor.stack.replica_set import MEMBERS
from tests.ports import free_ports

ROOT = Path(__file__).parents[2]
ONE_SHOT = {"secrets", "replica-set"}
ADDED = {"grafana", "jaeger", "datadog-agent"}
SETTINGS = {
    "APP_": app.settings.Settings,
    "EXPORTERS_": exporters.settings.Settings,
    "MONITOR_": monitor.settings.Settings,
}
SECRET_WORDS = re.compile(r"PASSWORD|SECRET|TOKEN|API_KEY|PRIVATE", re.IGNORECASE)


@pytest.fixture(scope="session")
def services() -> dict[str, Any]:
    """What docker-compose itself makes of the file, all profiles included."""
    program = shutil.which("docker-compose")
    assert program, "docker-compose is installed by `make test`"
    command = [program, "--profile", "datadog", "-f", str(ROOT / "docker-compose.yml"), "config"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "WARN" not in done.stderr, done.stderr
    return dict(yaml.safe_load(done.stdout)["services"])


@pytest.fixture
def compose_init() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compose_init", ROOT / "deploy" / "compose_init.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def volumes(service: dict[str, Any]) -> list[tuple[str, str]]:
    """``(source, target)`` of each mount, in the short form that docker-compose 1 prints and the long one of 2."""
    found = []
    for volume in service.get("volumes", ()):
        if isinstance(volume, str):
            source, target, *_ = volume.split(":")
            found.append((source, target))
        else:
            found.append((str(volume["source"]), str(volume["target"])))
    return found


def test_both_forms_of_the_stack_have_the_same_components(services: dict[str, Any]) -> None:
    assert set(services) == {*COMPONENTS} | ONE_SHOT | ADDED


def test_every_image_is_pinned(services: dict[str, Any]) -> None:
    for name, service in services.items():
        image, _, tag = service["image"].rpartition(":")
        assert image, name
        assert re.search(r"\d+\.\d+", tag), f"{name}: {service['image']}"


def test_the_catalogue_knows_the_versions_that_run(services: dict[str, Any]) -> None:
    """`monitor check` holds receivers and expressions against these."""
    environment = load(None, "compose").environment
    told = {"prometheus": environment.prometheus_version, "alertmanager": environment.alertmanager_version}
    run = {name: services[name]["image"].rpartition(":v")[2].rpartition(".")[0] for name in told}
    assert told == run


def test_nothing_is_published_beyond_this_machine(services: dict[str, Any]) -> None:
    published = {}
    for name, service in services.items():
        for port in service.get("ports", ()):
            if isinstance(port, str):
                host, outside, inside = port.split("/")[0].rsplit(":", 2)
            else:
                host, outside, inside = port.get("host_ip", ""), port["published"], port["target"]
            assert host == "127.0.0.1", f"{name}: {port}"
            published[name] = int(outside)
            assert int(inside) == int(outside)
    documented = {name: PORTS[name] for name in ("edge", "prometheus", "alertmanager", "web")}
    assert published == documented | {"grafana": 3000, "jaeger": 16686}


def test_every_service_says_whether_it_is_healthy_or_is_done_once(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert ("healthcheck" in service) != (name in ONE_SHOT), name
        if name in ONE_SHOT:
            assert "restart" not in service, f"{name} would run for ever"
        for other, condition in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
            assert condition["condition"] == expected, f"{name} -> {other}"


def test_no_secret_stands_in_the_file(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for variable, value in (service.get("environment") or {}).items():
            if SECRET_WORDS.search(variable) and not variable.endswith(("_FILE", "__FILE")):
                assert str(value).startswith(("ENC[file@", "/readsecret")), f"{name}: {variable}"
        text = json.dumps(service)
        assert not re.search(r"(mongodb|redis|http)://[^/\"]*:[^/\"]*@", text), f"{name}: a URI carries a password"


def test_every_file_that_is_mounted_exists(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for source, _ in volumes(service):
            if source.startswith(("/", ".")):
                assert Path(source).exists(), f"{name}: {source}"
                assert Path(source).is_relative_to(ROOT), f"{name}: {source} is not of this repository"


def test_containers_have_no_rights_that_they_do_not_use(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("mem_limit"), f"{name} may eat the machine's memory"
        if name != "datadog-agent":
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name
        assert "privileged" not in service, name


def test_only_who_needs_the_databases_can_reach_them(services: dict[str, Any]) -> None:
    reaching = {name for name, service in services.items() if "data" in service.get("networks", {})}
    databases = {"mongo-1", "mongo-2", "mongo-3", "redis"}
    assert reaching == databases | {"app-1", "app-2", "exporters", "work", "replica-set"}
    assert all(set(services[name]["networks"]) == {"data"} for name in databases)


def test_each_service_is_handed_only_its_own_secrets(services: dict[str, Any], compose_init: ModuleType) -> None:
    mounted = {name: {source for source, _ in volumes(service)} for name, service in services.items()}
    assert {name for name, sources in mounted.items() if "vault" in sources} == ONE_SHOT
    for volume, (_, names) in compose_init.HANDED_OUT.items():
        users = {name for name, sources in mounted.items() if f"secrets-{volume}" in sources} - {"secrets"}
        assert users, f"nobody mounts secrets-{volume}"
        for user in users:
            text = json.dumps(services[user])
            unused = [name for name in names if name not in text and not name.startswith("web-")]
            assert unused == [], f"{user} is handed {unused} and does not use it"
    handed = {volume: {*names} for volume, (_, names) in compose_init.HANDED_OUT.items()}
    assert not {name for name in handed["web"] if name.startswith(("mongodb", "redis", "app"))}


def test_secrets_are_made_once_and_only_their_owner_may_read_them(
    tmp_path: Path, compose_init: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners: dict[str, int] = {}
    monkeypatch.setattr(compose_init.os, "chown", lambda path, user, _group: owners.update({Path(path).name: user}))
    project = tmp_path / "project"
    for file, text in {
        "deploy/prometheus.yml": "scrape_configs: [{job_name: web}, {job_name: edge}]\n",
        "rules/alertmanager.yml": "receivers: [{name: console, webhook_configs: [{url: 'http://web:9500/hooks/alertmanager'}]}]\n",
    }.items():
        (project / file).parent.mkdir(parents=True, exist_ok=True)
        (project / file).write_text(text, encoding="utf-8")
    vault, out = tmp_path / "vault", tmp_path / "out"
    compose_init.make_secrets(vault, out, project)
    first = {str(file): file.read_bytes() for file in sorted(out.rglob("*")) if file.is_file()}
    compose_init.make_secrets(vault, out, project)
    assert first == {str(file): file.read_bytes() for file in sorted(out.rglob("*")) if file.is_file()}
    handed = {Path(file).relative_to(out) for file in first}
    assert handed == {Path(volume, name) for volume, (_, names) in compose_init.HANDED_OUT.items() for name in names}
    assert {stat.S_IMODE(Path(file).stat().st_mode) for file in first} == {0o400}
    assert owners["mongo"] == 999
    prometheus = yaml.safe_load((out / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    assert "basic_auth" in prometheus["scrape_configs"][0]
    assert "basic_auth" not in prometheus["scrape_configs"][1]
    web_config = yaml.safe_load((out / "web" / "web-config.yml").read_text(encoding="utf-8"))
    assert set(web_config["basic_auth_users"]) == {"operator", "prometheus", "alertmanager"}


def test_the_replica_set_is_made_with_its_users_and_made_only_once(
    tmp_path: Path, compose_init: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three real mongods as compose starts them: the first with its admin user, all closed to strangers."""
    layout = compose_init.ComposeLayout(run_dir=tmp_path)
    credentials.make(layout)
    addresses = {name: f"127.0.0.1:{port}" for name, port in free_ports(*MEMBERS).items()}
    monkeypatch.setattr(compose_init.ComposeLayout, "address", lambda _self, name: addresses[name])
    with mongods(tmp_path, {MEMBERS[0]: addresses[MEMBERS[0]]}):
        admin: MongoClient[dict[str, Any]] = MongoClient(f"mongodb://{addresses[MEMBERS[0]]}/", directConnection=True)
        password = layout.mongodb_password("admin").read_text(encoding="utf-8")
        admin.admin.command("createUser", "admin", pwd=password, roles=["root"])
        admin.close()
    closed = ("--replSet", "rs0", "--keyFile", str(layout.mongodb_keyfile))
    with mongods(tmp_path, addresses, *closed):
        compose_init.make_replica_set(tmp_path)
        compose_init.make_replica_set(tmp_path)
        for user, what in (("app", "insert"), ("backup", "listDatabases"), ("exporters", "serverStatus")):
            password = layout.mongodb_password(user).read_text(encoding="utf-8")
            known: MongoClient[dict[str, Any]] = MongoClient(layout.mongodb_uri, username=user, password=password)
            with known as client:
                if what == "insert":
                    client["appointments"]["users"].insert_one({"_id": 1})
                    with pytest.raises(OperationFailure):
                        client.admin.command("serverStatus")
                else:
                    assert client.admin.command(what)["ok"] == 1


@contextlib.contextmanager
def mongods(folder: Path, addresses: Mapping[str, str], *options: str) -> Iterator[None]:
    processes = []
    try:
        for name, address in addresses.items():
            (folder / name).mkdir(exist_ok=True)
            where = ["--bind_ip", "127.0.0.1", "--port", address.split(":")[1], "--dbpath", str(folder / name)]
            quick = ["--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"]
            command = [locate_mongod(), *where, *quick, "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", *options]
            processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=folder))
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


def test_what_prometheus_and_alertmanager_are_given_is_accepted_by_their_own_tools(
    tmp_path: Path, compose_init: ModuleType
) -> None:
    prometheus = compose_init.prometheus_config((ROOT / "deploy" / "prometheus.yml").read_text(encoding="utf-8"))
    prometheus = prometheus.replace("/etc/prometheus/rules", str(ROOT / "rules" / "prometheus"))
    alertmanager = compose_init.alertmanager_config((ROOT / "rules" / "alertmanager.yml").read_text(encoding="utf-8"))
    for name, text, command in (
        ("prometheus.yml", prometheus, ["promtool", "check", "config"]),
        ("alertmanager.yml", alertmanager, ["amtool", "check-config"]),
    ):
        file = tmp_path / name
        # The tools read the password's file as the servers would.
        for user in ("prometheus", "alertmanager"):
            (tmp_path / f"web-{user}").write_text("secret", encoding="utf-8")
        file.write_text(text.replace(compose_init.INSIDE, str(tmp_path)), encoding="utf-8")
        done = subprocess.run([*command, str(file)], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "web-prometheus" in prometheus
    assert "web-alertmanager" in alertmanager, "the console takes alerts only from users"


def test_alertmanager_is_known_to_this_console_whatever_another_environments_asks_for(
    compose_init: ModuleType,
) -> None:
    login = {"authorization": {"credentials_file": "/run/secrets/token"}}
    theirs = {"url": "https://hook.example/x", "http_config": login}
    ours = {"url": "http://web:9500/hooks/alertmanager", "http_config": login}
    text = yaml.safe_dump({"receivers": [{"name": "console", "webhook_configs": [ours, theirs]}]})

    (receiver,) = yaml.safe_load(compose_init.alertmanager_config(text))["receivers"]

    own, other = receiver["webhook_configs"]
    assert own["http_config"].keys() == {"basic_auth"}, "Alertmanager refuses two ways at once"
    assert other == theirs


def test_alertmanager_finds_its_templates_where_they_are_mounted(
    services: dict[str, Any], compose_init: ModuleType
) -> None:
    config = yaml.safe_load(compose_init.alertmanager_config((ROOT / "rules" / "alertmanager.yml").read_text("utf-8")))
    mounted = {target: Path(source) for source, target in volumes(services["alertmanager"])}

    (file,) = config["templates"]
    assert mounted[file].resolve() == ROOT / "rules" / "notifications.tmpl"
    assert mounted[file].is_file()


def test_the_image_carries_the_same_mongod_as_the_database(services: dict[str, Any]) -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert f"ARG MONGO_IMAGE={services['mongo-1']['image']}\n" in dockerfile
    for line in dockerfile.splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            *sources, _ = line.split()[1:]
            assert all((ROOT / source).exists() for source in sources), line


def test_the_image_runs_as_nobody_in_particular_with_packages_pinned_by_hash() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert dockerfile.rstrip().rsplit("USER ", 1)[1].startswith("10001:10001")
    assert dockerfile.count("--require-hashes") == 2
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.11\.\d+-slim-bookworm$", dockerfile, re.MULTILINE)


def test_grafana_knows_the_sources_that_dashboards_name_and_their_scrape_interval() -> None:
    folder = ROOT / "deploy" / "grafana" / "provisioning"
    sources = yaml.safe_load((folder / "datasources" / "datasources.yml").read_text(encoding="utf-8"))["datasources"]
    by_uid = {source["uid"]: source for source in sources}
    assert set(by_uid) == {"prometheus", "alertmanager", "jaeger"}
    scrape = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text(encoding="utf-8"))["global"][
        "scrape_interval"
    ]
    assert by_uid["prometheus"]["jsonData"]["timeInterval"] == scrape
    [provider] = yaml.safe_load((folder / "dashboards" / "dashboards.yml").read_text(encoding="utf-8"))["providers"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    grafana = compose["services"]["grafana"]
    assert f"./dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home.parent == Path(provider["options"]["path"])
    assert (ROOT / "dashboards" / home.name).exists()
    assert f"v{by_uid['prometheus']['jsonData']['prometheusVersion']}" in compose["services"]["prometheus"]["image"]
    for source in sources:
        told = source.get("jsonData", {})
        linked = {told.get("alertmanagerUid"), *(one["datasourceUid"] for one in _traced(told))} - {None}
        assert linked <= set(by_uid), source["name"]


def test_the_second_channel_and_the_heartbeat_reach_work_alone_and_may_be_left_out(
    services: dict[str, Any], tmp_path: Path
) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    names = ("second-channel", "heartbeat-url")
    assert {name for name, service in services.items() if set(names) & set(_secrets(service))} == {"work"}
    given = {key: value for key, value in services["work"]["environment"].items() if key.startswith("MONITOR_")}
    mounted = {f"/run/secrets/{name}": re.search(r":-([^}]+)", compose["secrets"][name]["file"]) for name in names}

    def read(files: Mapping[str, Path]) -> monitor.settings.Settings:
        inside = {key: str(files.get(value, value)) for key, value in given.items()}
        return monitor.settings.load(environ=inside | {"MONITOR_RUN_DIR": str(tmp_path)})

    left_out = read({path: Path(default[1]) for path, default in mounted.items() if default})
    assert (left_out.second_channel_file, left_out.heartbeat_url_file) == (None, None)
    files = {path: tmp_path / Path(path).name for path in mounted}
    assert {read(files).second_channel_file, read(files).heartbeat_url_file} == set(files.values())


def _secrets(service: dict[str, Any]) -> list[str]:
    """The names of a service's secrets, in the short form that docker-compose 1 prints and the long one of 2."""
    return [secret if isinstance(secret, str) else secret["source"] for secret in service.get("secrets", ())]


def _traced(told: dict[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = told.get("exemplarTraceIdDestinations", [])
    return found


def test_every_setting_exists_in_the_process_that_it_is_given_to(services: dict[str, Any]) -> None:
    known = {
        prefix + field.name.upper() for prefix, settings in SETTINGS.items() for field in dataclasses.fields(settings)
    }
    for name, service in services.items():
        if not service["image"].startswith("appointment-sre:"):
            continue
        given = {key for key in service.get("environment") or {} if key.startswith(tuple(SETTINGS))}
        assert given <= known, f"{name}: {sorted(given - known)}"


def test_every_secret_file_that_a_process_reads_is_handed_to_it(
    services: dict[str, Any], compose_init: ModuleType
) -> None:
    for name, service in services.items():
        if name in ONE_SHOT:
            continue
        handed = {
            file
            for source, target in volumes(service)
            if target == compose_init.INSIDE
            for file in compose_init.HANDED_OUT[source.removeprefix("secrets-")][1]
        }
        named = set(re.findall(rf"{compose_init.INSIDE}/([a-z0-9.-]+)", json.dumps(service)))
        assert named <= handed, f"{name}: {sorted(named - handed)}"
