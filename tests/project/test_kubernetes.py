"""The manifests in docs/kubernetes: their pods are the workers of one cluster."""

from typing import Any

import pytest
from ruamel.yaml import YAML

from lockstep.runtime.cluster import TF_CONFIG, read_cluster
from tests.support.workspaces import REPOSITORY

FOLDER = REPOSITORY / "docs" / "kubernetes"


def resources(name: str) -> dict[str, Any]:
    """The resources in a file, by kind."""
    return {each["kind"]: each for each in YAML().load_all(FOLDER / name)}


@pytest.fixture
def variables() -> dict[str, Any]:
    (container,) = resources("training.yaml")["Job"]["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each for each in container["env"]}


@pytest.mark.parametrize("index", [0, 1])
def test_each_pod_is_the_worker_of_its_index(
    variables: dict[str, Any], monkeypatch: pytest.MonkeyPatch, index: int
) -> None:
    """Kubernetes puts the values of variables before it in the place of $(NAME)."""
    assert list(variables) == ["INDEX", "TF_CONFIG"]
    text = variables["TF_CONFIG"]["value"].replace("$(INDEX)", str(index))
    monkeypatch.setenv(TF_CONFIG, text)
    assert read_cluster().index == index


def test_the_workers_are_the_names_of_the_pods(
    variables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = resources("training.yaml")
    job, service = found["Job"], found["Service"]
    spec = job["spec"]
    assert spec["template"]["spec"]["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert spec["completions"] == spec["parallelism"]
    (port,) = service["spec"]["ports"]
    monkeypatch.setenv(TF_CONFIG, variables["TF_CONFIG"]["value"].replace("$(INDEX)", "0"))
    host = f"{job['metadata']['name']}-{{}}.{service['metadata']['name']}:{port['port']}"
    assert read_cluster().addresses == tuple(host.format(n) for n in range(spec["completions"]))


def test_both_jobs_use_the_volume_that_all_pods_can_write() -> None:
    claim = resources("workspace.yaml")["PersistentVolumeClaim"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    for name in ("training.yaml", "workspace.yaml"):
        volumes = resources(name)["Job"]["spec"]["template"]["spec"]["volumes"]
        claims = [each["persistentVolumeClaim"]["claimName"] for each in volumes[:1]]
        assert claims == [claim["metadata"]["name"]]
