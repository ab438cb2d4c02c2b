"""Kubernetes objects for the Prometheus Operator, and for Grafana's dashboard sidecar. Pure.

The rules are those of rules/, byte for byte, moved under ``spec``. No object names a namespace, so that ``kubectl
apply --namespace`` (or a kustomization of the user's own) decides; nothing is templated, so ``{{ }}`` in an alert's
texts stays what it is: Prometheus's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from monitor.catalogue import durations
from monitor.catalogue.model import Catalogue
from monitor.errors import InputError
from monitor.render import kubernetes_alertmanager
from monitor.render.notifications import notification_templates
from monitor.render.yaml_text import GENERATED, Value, document

FOLDER = "operator"
KUSTOMIZATION = f"{FOLDER}/kustomization.yaml"

RULES_LIMIT = 200_000
"""Bytes of rules in one object: ``kubectl apply`` keeps a copy of it in an annotation, which may have 256 KiB."""
DATA_LIMIT = 1_048_576
"""Bytes of data in a ConfigMap (https://kubernetes.io/docs/concepts/configuration/configmap/)."""

LONGEST_NAME = 253
"""Of an object: a DNS subdomain (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/)."""

SERVICE_LABEL = "app.kubernetes.io/name"
"""The label of a Service by which its job is known: its value is the label ``job`` that the rules ask for."""
PORTS = {"alertmanager": "web", "prometheus": "web"}
"""The port of a job's Service where it is not ``metrics``: as kube-prometheus names it."""
TARGET_LABELS = frozenset({"container", "endpoint", "namespace", "pod", "service"})
"""What the Operator puts on everything that it scrapes; a metric's own label of that name would be renamed."""

_LABELS = {"app.kubernetes.io/managed-by": "monitor", "app.kubernetes.io/part-of": "appointment-sre"}


def objects(catalogue: Catalogue, files: dict[str, str]) -> dict[str, str]:
    """Every object, by path below ``operator/``; ``files`` are the rules and dashboards of the same catalogue.

    Raises:
        InputError: something is larger than an object of Kubernetes may be.
    """
    made: dict[str, str] = {}
    for path, text in files.items():
        stem = path.rpartition("/")[2].rpartition(".")[0]
        if path.startswith("rules/prometheus/"):
            made |= dict(_rules(stem, text))
        elif path.startswith("dashboards/"):
            made[f"{FOLDER}/dashboard-{_name(stem)}.yaml"] = _dashboard(path, stem, text)
    for job in sorted(catalogue.environment.targets):
        made[f"{FOLDER}/servicemonitor-{_name(job)}.yaml"] = _service_monitor(catalogue, job)
    made[f"{FOLDER}/alertmanagerconfig.yaml"] = kubernetes_alertmanager.config(catalogue, _head)
    made[f"{FOLDER}/notifications.yaml"] = document(
        _head("v1", "ConfigMap", kubernetes_alertmanager.TEMPLATES)
        | {"data": {kubernetes_alertmanager.KEY: notification_templates(catalogue.environment)}}
    )
    made[KUSTOMIZATION] = document(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [path.removeprefix(f"{FOLDER}/") for path in sorted(made)],
        }
    )
    return dict(sorted(made.items()))


def _rules(stem: str, text: str) -> Iterator[tuple[str, str]]:
    """The groups of one rule file, as they stand there, in as many objects as they need."""
    groups = re.split(r"^(?=  - )", text.removeprefix(f"{GENERATED}groups:\n"), flags=re.MULTILINE)[1:]
    parts: list[list[str]] = [[]]
    for group in groups:
        size = len(group.encode())
        if size > RULES_LIMIT:
            raise InputError(
                f"a group of {stem}.yml has {size} bytes of rules, and an object of Kubernetes may have {RULES_LIMIT}: "
                "make two groups of it"
            )
        if parts[-1] and sum(len(one.encode()) for one in parts[-1]) + size > RULES_LIMIT:
            parts.append([])
        parts[-1].append(group)
    for number, part in enumerate(parts, start=1):
        name = _name(stem if number == 1 else f"{stem}.{number}")  # no other file is called like that
        head = document(_head("monitoring.coreos.com/v1", "PrometheusRule", name))
        body = "".join(f"  {line}" if line.strip() else line for line in "".join(part).splitlines(keepends=True))
        yield f"{FOLDER}/prometheusrule-{name}.yaml", f"{head}spec:\n  groups:\n{body}"


def _dashboard(path: str, stem: str, text: str) -> str:
    size = len(text.encode())
    if size > DATA_LIMIT:
        raise InputError(f"{path} has {size} bytes, and a ConfigMap may have {DATA_LIMIT}: generate fewer SLOs at once")
    head = _head("v1", "ConfigMap", f"dashboard-{_name(stem)}", {"grafana_dashboard": "1"})
    return document(head | {"data": {f"{stem}.json": text.rstrip("\n")}})


def _service_monitor(catalogue: Catalogue, job: str) -> str:
    interval = durations.text(catalogue.environment.scrape_interval)
    own = {label for metric in catalogue.metrics for label in metric.labels}
    relabelings: list[Value] = [
        {"sourceLabels": ["__meta_kubernetes_pod_name"], "regex": "(.+)", "targetLabel": "instance"},
        *({"action": "labeldrop", "regex": label} for label in sorted(TARGET_LABELS & own)),
    ]
    endpoint = {
        "port": PORTS.get(job, "metrics"),
        "interval": interval,
        "scrapeTimeout": interval,
        "relabelings": relabelings,
    }
    spec: dict[str, Value] = {
        "jobLabel": SERVICE_LABEL,
        "selector": {"matchLabels": {SERVICE_LABEL: job}},
        "endpoints": [endpoint],
    }
    text = document(_head("monitoring.coreos.com/v1", "ServiceMonitor", f"monitor-{_name(job)}") | {"spec": spec})
    says = (
        f"# Scrapes each Service with the label {SERVICE_LABEL}: {job}, at its port {endpoint['port']}.\n"
        "# The label's value is the job that rules and dashboards ask for.\n"
    )
    return text.replace(GENERATED, GENERATED + says)


def _head(api: str, kind: str, name: str, labels: dict[str, str] | None = None) -> dict[str, Value]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "labels": _LABELS | (labels or {})}}


def _name(text: str) -> str:
    """A text as the name of an object (RFC 1123); one that had to be changed is told apart by a digest."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if name == text and len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return "-".join(part for part in (name[: LONGEST_NAME - 20], digest) if part)
