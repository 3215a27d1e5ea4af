"""The deployment files against the service: names, ports and paths in them are ones that it knows."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import yaml

from serving import openapi
from serving.settings import VARIABLES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text(encoding="utf-8")


@cache
def objects() -> dict[str, Any]:
    """Return the Kubernetes objects by kind; there is one of each."""
    listed = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"]
    files = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")} - {"kustomization.yaml"}
    assert set(listed) == files
    found = [yaml.safe_load((DEPLOY / "kubernetes" / name).read_text()) for name in listed]
    return {each["kind"]: each for each in found}


def pod() -> Any:
    return objects()["Deployment"]["spec"]["template"]["spec"]


def container() -> Any:
    (only,) = pod()["containers"]
    return only


def instruction(name: str) -> str:
    """Return what the last instruction of that name says."""
    joined = CONTAINERFILE.replace("\\\n", " ")
    return re.findall(rf"^{name} +(.*)$", joined, re.MULTILINE)[-1]


def image_environment() -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", instruction("ENV")))


def test_every_variable_that_is_read_is_listed() -> None:
    read = {
        name
        for package in ("features", "serving", "training")
        for path in (ROOT / package).rglob("*.py")
        for name in re.findall(r"IMPEL_[A-Z_]+", path.read_text(encoding="utf-8"))
    }
    assert read <= set(VARIABLES)


def test_variables_set_are_known() -> None:
    given = {*objects()["ConfigMap"]["data"], *image_environment()}
    assert {name for name in given if name.startswith("IMPEL")} <= set(VARIABLES)
    assert all(isinstance(value, str) for value in objects()["ConfigMap"]["data"].values())


def test_pods_share_a_log_whose_password_is_in_a_secret() -> None:
    where = urlsplit(objects()["ConfigMap"]["data"]["IMPEL_LOG"])
    assert (where.scheme, where.password) == ("postgresql", None), "a folder would be each pod's own"
    (given,) = container()["env"]
    assert (given["name"], *given["valueFrom"]) == ("PGPASSWORD", "secretKeyRef")
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    secret = given["valueFrom"]["secretKeyRef"]
    assert f"kubectl create secret generic {secret['name']} --from-file {secret['key']}" in operations


def test_ports_fit_together() -> None:
    (port,) = container()["ports"]
    assert str(port["containerPort"]) == instruction("EXPOSE") == instruction("CMD").split('"')[-2]
    assert f":{port['containerPort']}/readyz" in instruction("HEALTHCHECK")
    (exposed,) = objects()["Service"]["spec"]["ports"]
    assert exposed["targetPort"] == port["name"]


def test_probes_ask_for_what_there_is() -> None:
    probes = [container()[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
    assert {probe["path"] for probe in probes} == {"/readyz", "/livez"} <= set(openapi.document()["paths"])
    assert {probe["port"] for probe in probes} == {"http"}
    assert container()["livenessProbe"]["httpGet"]["path"] == "/livez", "a pod that is busy loading is not killed"


def test_every_path_lies_on_a_volume_that_is_declared() -> None:
    mounts = {PurePosixPath(mount["mountPath"]): mount for mount in container()["volumeMounts"]}
    assert {mount["name"] for mount in mounts.values()} == {volume["name"] for volume in pod()["volumes"]}
    settings = {**image_environment(), **objects()["ConfigMap"]["data"]}
    for name in ("IMPEL_STORE", "IMPEL_KEYS", "IMPEL_HOME", "HOME", "BENTOML_HOME", "NUMBA_CACHE_DIR"):
        place = PurePosixPath(settings[name])
        assert {place, *place.parents} & set(mounts), f"{name}={place} lies on the read-only root"
    writable = {str(path) for path, mount in mounts.items() if not mount.get("readOnly")}
    assert writable == {"/tmp", settings["NUMBA_CACHE_DIR"]}


def test_nobody_is_root_and_the_root_is_read_only() -> None:
    user, group = instruction("USER").split(":")
    secured = pod()["securityContext"]
    assert (secured["runAsUser"], secured["runAsGroup"], secured["fsGroup"]) == (int(user), int(group), int(group))
    assert secured["runAsNonRoot"]
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_objects_point_at_each_other() -> None:
    deployment = objects()["Deployment"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == objects()["Service"]["spec"]["selector"] == labels
    assert objects()["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    scaler = objects()["HorizontalPodAutoscaler"]["spec"]
    assert scaler["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert objects()["PodDisruptionBudget"]["spec"]["minAvailable"] < scaler["minReplicas"]
    assert "replicas" not in deployment["spec"], "the autoscaler's number would be set back with every roll-out"
    assert container()["envFrom"] == [{"configMapRef": {"name": objects()["ConfigMap"]["metadata"]["name"]}}]


def test_the_image_holds_what_a_bento_holds() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", CONTAINERFILE, re.MULTILINE)
    assert copied == ["env/python/requirements.txt", "src"]
    assert not re.search(r"https?://(?!127\.0\.0\.1)", CONTAINERFILE), "no index host is named"
