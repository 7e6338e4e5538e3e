"""Register model versions in MLflow, one per set of weights; the alias `champion` is the best."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from lockstep.errors import LockstepError, ParamsError, UnavailableError
from lockstep.process.machine_errors import machine_error
from lockstep.process.temporary_folders import temporary_folder
from lockstep.storage.copies import copy_file
from lockstep.tracking import champion, run_tags, turns, version_files
from lockstep.tracking.candidates import (
    FOLD_VERDICT,
    VERDICT,
    Candidate,
    Champion,
    Verdict,
)
from lockstep.tracking.client import as_default, is_refusal, place_of
from lockstep.tracking.packing import pack, upload
from lockstep.tracking.rivals import rivals
from lockstep.tracking.smoke_test import served_differently

OUTPUTS = "outputs.npy"  # a version's file with its outputs for the test examples


def register_version(client: MlflowClient, run: Run, candidate: Candidate) -> ModelVersion:
    """Return the candidate's version, which is created unless there is one of these weights.

    Raises ParamsError for a value that the registry refuses, UnavailableError if it can't be
    reached.
    """
    with _registry(client):
        version = _find(client, candidate) or _create(client, run, candidate)
        client.set_tag(run.info.run_id, run_tags.VERSION, _uri(version))
        return version


def challenge(
    client: MlflowClient, run: Run, candidate: Candidate, version: ModelVersion, root: Path
) -> str:
    """Make the candidate's version champion if it beats the present one; return the verdict.

    Raises as `register_version` does, and LockstepError if the smoke test fails.
    """
    with _registry(client):
        version = client.get_model_version(version.name, str(version.version))  # with all its tags
        turns.wait(client, version)
        verdict = _judge(client, candidate, version)
        _record(client, run, version, verdict)
        if verdict.promoted:
            champion.move(client, root, version, "register", verdict.sentence)
        turns.end(client, version)
    return f"{_uri(version)}: {verdict.sentence}"


@contextmanager
def _registry(client: MlflowClient) -> Iterator[None]:
    """Make the client's registry the default, and its errors those of Lockstep."""
    try:
        with as_default(client):
            yield
    except MlflowException as error:
        full = machine_error(error, place_of(client.tracking_uri))
        if full:
            raise full from None
        line = str(error).partition("\n")[0]
        if is_refusal(error):
            raise ParamsError(f"the MLflow registry refuses a value: {line}") from None
        raise UnavailableError(f"the MLflow registry: {line}; try again when it is back") from None


def _uri(version: ModelVersion) -> str:
    return f"models:/{version.name}/{version.version}"


def _find(client: MlflowClient, candidate: Candidate) -> ModelVersion | None:
    wanted = [f"name = '{candidate.name}'"]
    wanted += [f"tags.`{tag}` = '{value}'" for tag, value in candidate.tags.items()]
    found = client.search_model_versions(" and ".join(wanted), max_results=1)
    return found[0] if found else None


def _judge(client: MlflowClient, candidate: Candidate, version: ModelVersion) -> Verdict:
    """Return whether the version becomes champion; a future one has passed the smoke test."""
    leader = champion.current(client, candidate.name)
    verdict = _without_comparison(candidate, version, leader)
    if verdict is None:
        verdict = Verdict(True, f"champion, the first, with {candidate.score}", {})
        for rival in rivals(client, candidate, version, leader):
            verdict = candidate.challenge(_rival(client, rival))
            if not verdict.promoted:
                return verdict if leader else _with_advice(verdict, rival)
    if verdict.promoted:
        _smoke_test(client, candidate, version)
    return verdict


def _with_advice(verdict: Verdict, best: ModelVersion) -> Verdict:
    number = best.version
    advice = f"none is champion: `lockstep promote {number}` makes version {number} it"
    return verdict._replace(sentence=f"{verdict.sentence}; {advice}")


def _without_comparison(
    candidate: Candidate, version: ModelVersion, leader: ModelVersion | None
) -> Verdict | None:
    number = str(version.version)
    if candidate.fold:
        sentence = f"{FOLD_VERDICT} {candidate.fold}, with {candidate.score}"
        return Verdict(False, sentence, {})
    if leader and str(leader.version) == number:
        given = version.tags.get(VERDICT, "")
        by_hand = f"champion by hand, with {candidate.score}"
        return Verdict(False, given if given.startswith("champion") else by_hand, None)
    if champion.ROLLED_BACK in version.tags:
        back = f"`lockstep promote {number}` makes it champion again"
        sentence = f"not champion: it was rolled back, with {candidate.score}; {back}"
        return Verdict(False, sentence, None)
    return None


def _smoke_test(client: MlflowClient, candidate: Candidate, version: ModelVersion) -> None:
    if candidate.smoke_test is None:
        return
    with temporary_folder() as folder:
        _fetch(client, version, folder)
        problem = served_differently(folder, *candidate.smoke_test())
    if problem:
        raise LockstepError(
            f"{_uri(version)}: loaded by MLflow in a new process: "
            f"{problem}; expected the outputs that evaluation saw, so it doesn't become champion"
        )


def _rival(client: MlflowClient, leader: ModelVersion) -> Champion:
    def fetch_outputs(folder: Path) -> Path | None:
        try:
            return Path(_download(client, leader, folder, OUTPUTS))
        except (MlflowException, OSError):  # stored before versions had them, or too large
            return None

    def fetch(folder: Path) -> None:
        _fetch(client, leader, folder)

    return Champion(str(leader.version), leader.tags, fetch, fetch_outputs)


def _fetch(client: MlflowClient, version: ModelVersion, folder: Path) -> None:
    """Download a version; raises DataError if its files aren't those that were registered."""
    _download(client, version, folder)
    version_files.check(folder, version.tags, _uri(version))


def _download(client: MlflowClient, version: ModelVersion, folder: Path, file: str = "") -> str:
    source = f"{_uri(version)}{'/' if file else ''}{file}"
    return str(download_artifacts(source, dst_path=str(folder), tracking_uri=client.tracking_uri))


def _record(client: MlflowClient, run: Run, version: ModelVersion, verdict: Verdict) -> None:
    """Write the verdict to the version and the run, and with its figures to the version's files."""
    client.set_model_version_tag(version.name, version.version, VERDICT, verdict.sentence)
    client.set_tag(run.info.run_id, run_tags.VERDICT, verdict.sentence)
    if verdict.figures is None:  # the version's file has an earlier verdict's
        return
    report = {"version": _uri(version), "verdict": verdict.sentence, **verdict.figures}
    with temporary_folder() as folder:
        file = folder / "verdict.json"
        file.write_text(json.dumps(report, indent=2), encoding="utf-8")
        client.log_model_artifact(_logged_model(version), str(file), "report")


def _logged_model(version: ModelVersion) -> str:
    # Not `version.model_id`, which only the client that has created the version knows.
    return str(version.source).rpartition("/")[2]


def _create(client: MlflowClient, run: Run, candidate: Candidate) -> ModelVersion:
    """Upload the model, verify the uploaded copy, and only then create a version with its tags."""
    with temporary_folder() as folder:
        saved, packed = folder / "saved_model", folder / "model"
        example, output = candidate.export(saved)
        pack(saved, candidate.spec, packed, example, output)
        _add_report(candidate, packed)
        files = version_files.describe(packed)
        model_id = upload(client, run, packed, folder / "copy")
        version_files.check(folder / "copy", files, f"models:/{model_id}")
    _ensure_model(client, candidate.name)
    scores = {f"test_{name}": str(value) for name, value in candidate.metrics.items()}
    tags = {**candidate.tags, **scores, **files}
    source = f"models:/{model_id}"
    return client.create_model_version(
        candidate.name, source, run.info.run_id, tags, model_id=model_id
    )


def _add_report(candidate: Candidate, packed: Path) -> None:
    if candidate.outputs:
        copy_file(candidate.outputs, packed / OUTPUTS)
    (packed / "report").mkdir()
    for file in candidate.files:
        copy_file(file, packed / "report" / file.name)


def _ensure_model(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
