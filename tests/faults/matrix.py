"""The faults that the project withstands, each with the tests that inject it.

A test is a file or `file::function`; one that needs a server is a system test. The table in
docs/reliability.md is made from this.
"""

from typing import NamedTuple


class Fault(NamedTuple):
    """A fault, the tests that inject it, or why there can be none."""

    number: str
    name: str
    tests: tuple[str, ...] = ()
    not_applicable: str = ""


KILLED = "tests/faults/test_killed_stages.py"
DOWNLOAD = "tests/tasks/test_download.py"
DOWNLOADS = "tests/faults/test_downloads.py"
LID = "tests/data/test_lid.py"
LOCK_FILE = "tests/versioning/test_lock_file.py"
MACHINE = "tests/faults/test_machine.py"
RESUME = "tests/training/test_resume.py"
MODELS = "tests/faults/test_models.py"
OUTAGES = "tests/pipelines/test_mlflow_outages.py"
WORKERS = "tests/training/test_workers.py"
REPORTING = "tests/pipelines/test_reporting.py"
UP = "tests/pipelines/test_up.py"

FAULTS = (
    Fault(
        "F01",
        "kill -9 in the middle of a download",
        (f"{DOWNLOADS}::test_kill_9_amid_a_download_and_the_same_command",),
    ),
    Fault(
        "F02",
        "kill -9 between a download's rename and its record",
        (
            f"{DOWNLOADS}::test_kill_9_between_the_last_rename_and_dvcs_record",
            f"{KILLED}::test_download_and_normalize_at_each_rename",
        ),
    ),
    Fault(
        "F03",
        "kill -9 in normalize, before and after each rename",
        (f"{KILLED}::test_download_and_normalize_at_each_rename",),
    ),
    Fault(
        "F04",
        "kill -9 in build, before and after its renames",
        (f"{KILLED}::test_a_stage_that_imports_tensorflow",),
    ),
    Fault(
        "F05",
        "kill -9 at a random step of training",
        (
            "tests/training/test_interrupted.py",
            "tests/project/test_benchmarks.py::test_killed_and_interrupted_runs_go_on",
        ),
    ),
    Fault(
        "F06",
        "kill -9 while a snapshot is written",
        (
            f"{KILLED}::test_a_stage_that_imports_tensorflow",
            f"{RESUME}::test_a_half_written_snapshot_is_ignored",
            "tests/storage/test_atomic_files.py",
        ),
    ),
    Fault(
        "F07",
        "kill -9 after the last epoch, before the weights are saved",
        (
            "tests/training/test_more_epochs.py::test_a_training_that_was_killed_at_its_very_end_keeps_its_last_snapshot",
        ),
    ),
    Fault("F08", "kill -9 in evaluate", (f"{KILLED}::test_a_stage_that_imports_tensorflow",)),
    Fault(
        "F09",
        "kill -9 after the upload of a model, before its version",
        ("tests/tasks/test_register_killed.py",),
    ),
    Fault(
        "F10",
        "kill -9 after a version is made, before its alias",
        ("tests/tasks/test_register_killed.py",),
    ),
    Fault(
        "F11",
        "kill -9 of dvc repro or lockstep run itself",
        (
            "tests/process/test_runner.py",
            "tests/versioning/test_locks.py::test_a_stale_list_of_locks_is_removed",
            "tests/training/test_interrupted.py::test_training_resumes_after_its_runner_is_killed",
        ),
    ),
    Fault(
        "F12",
        "kill -9 while dvc.lock is written",
        (
            f"{LOCK_FILE}::test_a_kill_in_a_stage_loses_only_the_last_entry",
            f"{LOCK_FILE}::test_a_cut_anywhere_is_named_or_changes_nothing",
            f"{LOCK_FILE}::test_every_command_names_it",
        ),
    ),
    Fault(
        "F13", "kill -9 of the process of a Prefect flow", ("tests/pipelines/test_dead_runs.py",)
    ),
    Fault(
        "F14",
        "SIGTERM in the middle of an epoch",
        (
            "tests/training/test_interrupted.py::test_training_resumes_to_the_same_bits_after_sigterm_and_sigkill",
            "tests/process/test_stopping.py",
        ),
    ),
    Fault(
        "F15",
        "ten SIGTERM and SIGINT within a second",
        ("tests/process/test_stopping.py::test_signals_of_one_second_end_it_once_in_order",),
    ),
    Fault(
        "F16",
        "SIGTERM after the flow's end",
        (f"{MACHINE}::test_sigterm_after_the_end_of_a_flow_leaves_it_completed",),
    ),
    Fault(
        "F17",
        "SIGSTOP, then SIGCONT",
        (f"{MACHINE}::test_a_training_that_is_stopped_for_a_while_goes_on",),
    ),
    Fault(
        "F18",
        "a full disk at each write",
        (
            "tests/faults/test_full_disks.py",
            "tests/process/test_full_disk.py",
            "tests/training/test_interrupted.py::test_a_full_disk_while_a_snapshot_is_written",
        ),
    ),
    Fault(
        "F19",
        "a full disk of MLflow's artifacts and database",
        ("tests/process/test_full_disk.py::test_the_artifacts_of_mlflow",),
    ),
    Fault(
        "F20",
        "a folder that can't be written to",
        ("tests/process/test_full_disk.py::test_disks_are_checked_before_prefect_starts",),
    ),
    Fault(
        "F21",
        "no environment, a home that can't be written to",
        (f"{MACHINE}::test_without_environment_and_with_a_home_that_cannot_be_written",),
    ),
    Fault(
        "F22",
        "a damaged file in DVC's cache or on its remote",
        ("tests/versioning/test_verification.py", "tests/pipelines/test_repairs.py"),
    ),
    Fault(
        "F23",
        "a file of DVC's cache that was deleted",
        (f"{MACHINE}::test_a_cached_file_that_was_deleted_is_made_again",),
    ),
    Fault(
        "F24",
        "a damaged snapshot",
        (f"{RESUME}::test_an_invalid_snapshot_is_set_aside_for_the_previous_one",),
    ),
    Fault(
        "F25",
        "only damaged snapshots",
        (f"{RESUME}::test_without_a_valid_snapshot_training_starts_over",),
    ),
    Fault(
        "F26", "a snapshot of another optimizer", (f"{RESUME}::test_another_optimizer_is_an_error",)
    ),
    Fault(
        "F27",
        "a body shorter than its Content-Length",
        (
            f"{DOWNLOAD}::test_a_truncated_body_is_downloaded_again",
            f"{DOWNLOADS}::test_a_cut_body_is_completed_by_its_range",
        ),
    ),
    Fault(
        "F28",
        "a body cut off without a Content-Length",
        (f"{DOWNLOADS}::test_a_cut_is_seen_by_the_hash_alone",),
    ),
    Fault(
        "F29",
        "other bytes of the right length",
        (
            f"{DOWNLOADS}::test_other_bytes_are_set_aside_and_never_used",
            f"{DOWNLOAD}::test_a_response_that_is_not_the_published_file",
            f"{DOWNLOAD}::test_a_mirror_with_other_bytes_leaves_nothing",
        ),
    ),
    Fault(
        "F30",
        "an HTML page instead of the data",
        (f"{DOWNLOAD}::test_an_html_page_is_no_first_download",),
    ),
    Fault(
        "F31",
        "a server that is busy, then answers",
        (f"{DOWNLOAD}::test_a_request_to_a_busy_server_is_retried",),
    ),
    Fault(
        "F32",
        "a server that sends a byte at a time, or nothing",
        (
            f"{DOWNLOAD}::test_a_server_that_sends_a_byte_at_a_time_ends_at_a_deadline",
            f"{DOWNLOADS}::test_a_connection_that_is_never_answered_ends_at_its_deadline",
        ),
    ),
    Fault(
        "F33",
        "redirects to http, to files, to private addresses, without end",
        (
            f"{DOWNLOADS}::test_https_is_never_left_for_http",
            f"{DOWNLOADS}::test_a_redirect_leads_to_no_private_address",
            f"{DOWNLOADS}::test_a_name_that_changes_its_address_leads_to_no_private_one",
        ),
    ),
    Fault(
        "F34",
        "a body without end, and archives that expand without bound",
        (
            f"{DOWNLOADS}::test_an_endless_body_takes_little_memory_and_disk",
            f"{LID}::test_a_zip_bomb_is_refused_by_its_headers",
            f"{LID}::test_a_header_that_lies_about_the_shape_is_refused",
            f"{LID}::test_a_gzip_bomb_is_not_unpacked",
            "tests/data/test_text.py::test_an_archive_larger_than_expected_is_refused",
        ),
    ),
    Fault(
        "F35",
        "a pickle in an .npz file",
        (
            "tests/data/test_user_files.py::test_arrays_of_objects_are_never_unpickled",
            "tests/project/test_no_pickle.py",
        ),
    ),
    Fault(
        "F36",
        "an archive with links and paths outside of it",
        (
            "tests/data/test_text.py::test_an_unexpected_archive_member_is_refused",
            "tests/data/test_text.py::test_a_broken_archive_is_refused",
        ),
    ),
    Fault(
        "F37",
        "a .keras or .h5 file with code or links",
        (
            f"{MODELS}::test_a_hostile_keras_file_is_refused",
            f"{MODELS}::test_a_hostile_file_of_weights_is_refused",
            f"{MODELS}::test_the_process_that_opens_a_foreign_file_can_do_little",
        ),
    ),
    Fault(
        "F38",
        "a registered model with code of others",
        (
            f"{MODELS}::test_a_registered_models_mlmodel_is_not_used",
            f"{MODELS}::test_other_whole_models_of_others_are_never_loaded",
        ),
    ),
    Fault(
        "F39",
        "labels out of range, NaN, empty files",
        (
            "tests/tasks/test_normalize.py::test_a_fault_is_refused_with_its_position",
            "tests/data/test_targets.py",
        ),
    ),
    Fault(
        "F40",
        "a class that only one split has, a split without examples",
        ("tests/data/test_splits.py", "tests/data/test_picture_folders.py"),
    ),
    Fault("F41", "a loss that becomes NaN", ("tests/training/test_divergence.py",)),
    Fault(
        "F42",
        "bad parameters of all kinds",
        (
            "tests/config/test_params.py",
            "tests/config/test_overrides.py",
            "tests/fuzz/test_parameters.py",
        ),
    ),
    Fault(
        "F43",
        "more replicas than devices",
        (
            "tests/tasks/test_train.py::test_too_many_replicas_are_reported_before_tensorflow_is_imported",
        ),
    ),
    Fault(
        "F44",
        "a batch that doesn't divide, data smaller than a batch",
        (
            "tests/tasks/test_train.py::test_a_batch_that_does_not_divide_names_the_nearest",
            "tests/training/test_last_batch.py::test_a_batch_larger_than_the_data_is_one_step",
        ),
    ),
    Fault(
        "F45", "a last batch of one example on two replicas", ("tests/training/test_last_batch.py",)
    ),
    Fault("F46", "the MLflow server is killed and comes back, or never", (OUTAGES,)),
    Fault(
        "F47",
        "the MLflow server hangs",
        (f"{OUTAGES}::test_a_server_that_hangs_until_after_the_run_gets_all_by_sync",),
    ),
    Fault(
        "F48",
        "the Prefect server is killed and comes back, or never",
        (
            f"{REPORTING}::test_a_run_whose_server_is_gone_for_good_is_complete",
            f"{REPORTING}::test_a_run_outlives_a_server_that_is_away_for_half_a_minute",
        ),
    ),
    Fault(
        "F49",
        "the Prefect worker is killed",
        (
            "tests/pipelines/test_dead_runs.py",
            "tests/pipelines/test_pool_worker.py",
        ),
    ),
    Fault(
        "F50",
        "a port is taken",
        (
            f"{UP}::test_a_second_lockstep_up_in_the_same_checkout_is_refused",
            f"{UP}::test_four_servers_answer",
        ),
    ),
    Fault(
        "F51",
        "the same run twice at once, and different ones",
        (
            "tests/versioning/test_locks.py",
            f"{RESUME}::test_only_one_process_at_a_time_writes_snapshots_of_a_training",
            "tests/pipelines/test_experiment.py::test_four_overridden_runs_at_once",
        ),
    ),
    Fault(
        "F52",
        "twenty runs at once against SQLite",
        (
            "tests/pipelines/test_many_runs.py",
            "tests/tracking/test_database.py::test_processes_that_begin_at_once_make_the_tables_of_a_database_once",
        ),
    ),
    Fault("F53", "a jump of the clock", (f"{MACHINE}::test_the_clock_jumps_while_it_trains",)),
    Fault(
        "F54",
        "folders with any name, links, and languages",
        ("tests/pipelines/test_any_folder.py",),
    ),
    Fault(
        "F55",
        "too little memory, too few open files",
        (
            "tests/tasks/test_missing_inputs.py::test_too_little_memory_is_one_line_with_the_number",
            f"{MACHINE}::test_with_few_open_files",
        ),
    ),
    Fault("F56", "workers of a cluster that are killed or never start", (WORKERS,)),
    Fault(
        "F57",
        "uncommitted changes, a detached HEAD, no git",
        (
            "tests/pipelines/test_cli.py::test_a_workspace_includes_uncommitted_changes",
            "tests/project/test_installed.py::test_six_stages_run_where_the_engine_is_installed",
        ),
    ),
    Fault(
        "F58",
        "a package with other bytes, another Python",
        (
            f"{MACHINE}::test_a_package_with_other_bytes_is_not_installed",
            f"{MACHINE}::test_an_unsupported_python_is_one_line",
        ),
    ),
    Fault(
        "F59",
        "requests of other hosts and origins",
        (f"{UP}::test_prefect_allows_no_cross_origin_requests", "tests/pipelines/test_team.py"),
    ),
    Fault(
        "F60",
        "control characters and huge lines in names and messages",
        (f"{DOWNLOAD}::test_terminal_codes_of_a_server_are_not_printed",),
    ),
)
