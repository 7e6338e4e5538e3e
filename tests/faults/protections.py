"""The protections that `mutations` takes away, each with the test that must notice it."""

from typing import NamedTuple


class Mutation(NamedTuple):
    """A protection of what must hold, how it is taken away, and the test that must notice it."""

    holds: str
    file: str
    protection: str
    without: str
    test: str


MUTATIONS = (
    # Of the invariants.
    Mutation(
        "nothing half-written is left",
        "lockstep/storage/atomic_files.py",
        "        part.unlink(missing_ok=True)\n",
        "        pass\n",
        "tests/storage/test_atomic_files.py",
    ),
    Mutation(
        "each output has the hash in dvc.lock",
        "lockstep/versioning/verification.py",
        "    damaged = [each for each in read if each[1] != each[2]]\n",
        "    damaged: list[tuple[Path, str, str]] = []\n",
        "tests/versioning/test_verification.py",
    ),
    Mutation(
        "dvc.lock can be read",
        "lockstep/versioning/lock_file.py",
        "    parse_checkouts_lock(content, kept)\n",
        "",
        "tests/versioning/test_lock_file.py::test_every_stage_names_it",
    ),
    Mutation(
        "MLflow's runs have ended",
        "lockstep/tracking/orphaned_runs.py",
        '        client.set_terminated(run.info.run_id, "KILLED")\n',
        "        pass\n",
        "tests/tracking/test_orphaned_runs.py",
    ),
    Mutation(
        "each metric once for each step",
        "lockstep/tracking/run_metrics.py",
        "time_of(len(sent), run), len(sent))",
        "time_of(0, run), 0)",
        "tests/tracking/test_run_metrics.py",
    ),
    Mutation(
        "no weights have two versions",
        "lockstep/tracking/registry.py",
        "    return found[0] if found else None\n",
        "    return None\n",
        "tests/tasks/test_register_killed.py",
    ),
    Mutation(
        "no process works on",
        "lockstep/process/runner.py",
        "        end_with(runner)\n",
        "        pass\n",
        "tests/process/test_runner.py",
    ),
    Mutation(
        "no lock is left",
        "lockstep/versioning/locks.py",
        "    if is_stale(root):\n        with",
        "    if False:\n        with",
        "tests/versioning/test_locks.py",
    ),
    Mutation(
        "all outputs equal those of an undisturbed run",
        "lockstep/training/resume.py",
        "        self._restore_variables()\n",
        "",
        "tests/training/test_resume.py::"
        "test_a_resumed_training_gives_the_bits_of_an_undisturbed_one",
    ),
    Mutation(
        "a user's error is one line",
        "lockstep/process/exit_codes.py",
        "    except LockstepError as error:\n",
        "    except LockstepError as error:\n        raise\n",
        "tests/pipelines/sweeps/test_refused.py",
    ),
    Mutation(
        "no password is in a file, a database or a log",
        "lockstep/config/addresses.py",
        '    if "@" in mirror.partition("://")[2].partition("/")[0]:\n',
        "    if False:\n",
        "tests/faults/test_secrets.py::test_a_secret_in_an_address_of_an_override",
    ),
    # Of what comes from others.
    Mutation(
        "a file that is there isn't downloaded again",
        "lockstep/data/fetch/files.py",
        "    if path.is_file() and expected.fits(path):\n",
        "    if False:\n",
        "tests/faults/test_downloads.py::test_kill_9_between_the_last_rename_and_dvcs_record",
    ),
    Mutation(
        "a download of other bytes is never used",
        "lockstep/data/fetch/attempt.py",
        "    if expected.digest in (None, found):\n",
        "    if expected:\n",
        "tests/faults/test_downloads.py::test_other_bytes_are_set_aside_and_never_used",
    ),
    Mutation(
        "a download that is longer than expected is refused",
        "lockstep/data/fetch/attempt.py",
        "max_bytes:\n            raise _too_long(source, expected)\n        found",
        "max_bytes:\n            break\n        found",
        "tests/faults/test_downloads.py::test_an_endless_body_takes_little_memory_and_disk",
    ),
    Mutation(
        "a redirect leads from https to https only",
        "lockstep/data/fetch/redirects.py",
        '    if parts.scheme != "https" or not parts.hostname:\n',
        "    if not parts.hostname:\n",
        "tests/faults/test_downloads.py::test_https_is_never_left_for_http",
    ),
    Mutation(
        "a redirect leads to no private address",
        "lockstep/data/fetch/redirects.py",
        "    check_public(address, parts.hostname)\n",
        "",
        "tests/faults/test_downloads.py::test_a_redirect_leads_to_no_private_address",
    ),
    Mutation(
        "a name that changes its address leads to no private one",
        "lockstep/data/fetch/redirects.py",
        "            check_peer(here, event, info)\n",
        "            pass\n",
        "tests/faults/test_downloads.py::test_a_name_that_changes_its_address_leads_to_no_private_one",
    ),
    Mutation(
        "an .npz file is never unpacked without bound",
        "lockstep/data/readers/npz_files.py",
        "    if unpacked > max(SMALL, MAX_RATIO * packed):\n",
        "    if False:\n",
        "tests/data/test_lid.py::test_a_zip_bomb_is_refused_by_its_headers",
    ),
    Mutation(
        "the header of an array isn't believed",
        "lockstep/data/readers/npz_files.py",
        "max(size, member.file_size)\n",
        "member.file_size\n",
        "tests/data/test_lid.py::test_a_header_that_lies_about_the_shape_is_refused",
    ),
    Mutation(
        "no array is unpickled",
        "lockstep/data/readers/npz_files.py",
        "allow_pickle=False",
        "allow_pickle=True",
        "tests/project/test_no_pickle.py",
    ),
    Mutation(
        "a .gz file is never unpacked without bound",
        "lockstep/data/readers/idx.py",
        "    if math.prod(shape) > min(MAX_BYTES, MAX_RATIO * packed):\n",
        "    if False:\n",
        "tests/data/test_lid.py::test_an_idx_header_that_lies_is_refused_before_memory_is_taken",
    ),
    Mutation(
        "an archive has files and folders only",
        "tasks/datasets/imdb.py",
        "        if not (each.isfile() or each.isdir()):\n",
        "        if False:\n",
        "tests/data/test_text.py::test_an_unexpected_archive_member_is_refused",
    ),
    Mutation(
        "an archive has no paths that lead out of it",
        "tasks/datasets/imdb.py",
        '        if each.name.startswith("/") or ".." in each.name.split("/"):\n',
        "        if False:\n",
        "tests/data/test_text.py::test_an_unexpected_archive_member_is_refused",
    ),
    Mutation(
        "an archive is never unpacked without bound",
        "lockstep/data/readers/bounded_gzip.py",
        "        if size is None or size < 0 or self.tell() + size > self.most:\n",
        "        if False:\n",
        "tests/data/test_text.py::test_the_size_of_an_archive_members_name_takes_no_memory",
    ),
    Mutation(
        "a spec.json has possible values",
        "lockstep/data/spec/files.py",
        "    check_values(spec)\n",
        "",
        "tests/fuzz/test_descriptions.py::test_any_change_of_a_spec",
    ),
    Mutation(
        "a snapshot with other bytes than written isn't used",
        "lockstep/training/snapshots.py",
        "            if atomic_files.sha256(snapshot / name) != sha256:\n",
        "            if False:\n",
        "tests/training/test_resume.py::test_an_invalid_snapshot_is_set_aside_for_the_previous_one",
    ),
    Mutation(
        "a file of weights has no links",
        "lockstep/modeling/weight_files.py",
        "            if kind is not h5py.HardLink:\n",
        "            if False:\n",
        "tests/faults/test_models.py::test_a_hostile_file_of_weights_is_refused",
    ),
    Mutation(
        "the process that opens a model of others writes no file",
        "lockstep/serving/opened_apart.py",
        "        (resource.RLIMIT_FSIZE, 0),\n",
        "",
        "tests/faults/test_models.py::test_the_process_that_opens_a_foreign_file_can_do_little",
    ),
    Mutation(
        "the process that opens a model of others reaches no server",
        "lockstep/serving/opened_apart.py",
        "unshare(OWN_USER | OWN_NETWORK)",
        "unshare(0)",
        "tests/faults/test_models.py::test_the_process_that_opens_a_foreign_file_can_do_little",
    ),
    Mutation(
        "a registered version whose files have changed isn't loaded",
        "lockstep/serving/locate.py",
        "    version_files.check(folder, tags, model)\n",
        "",
        "tests/tasks/test_gate.py::"
        "test_a_champion_whose_files_have_changed_is_neither_loaded_nor_compared",
    ),
    Mutation(
        "no .pyc file is cut by a full disk",
        "lockstep/process/bytecode.py",
        "        sys.dont_write_bytecode = True\n",
        "",
        "tests/process/test_bytecode.py",
    ),
)
