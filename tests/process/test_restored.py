"""What a project's files change in a process doesn't outlast a stage."""

import locale
import os
import sys
import warnings

import pytest

from lockstep.process.restored import restored


def change() -> None:
    os.environ["XLA_FLAGS"] = "--xla_cpu_enable_fast_math=true"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
    del os.environ["TF_ENABLE_ONEDNN_OPTS"]
    os.environ["KMP_INIT_AT_FORK"] = "FALSE"
    sys.path.insert(0, "/nowhere")
    locale.setlocale(locale.LC_NUMERIC, "C.UTF-8")
    warnings.simplefilter("error", ResourceWarning)
    warnings.filterwarnings("ignore", "of an import")


def test_a_stage_leaves_the_process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    monkeypatch.setenv("KMP_INIT_AT_FORK", "TRUE")
    monkeypatch.delenv("KMP_INIT_AT_FORK")  # so that it is removed in the end
    before = dict(os.environ), list(sys.path), locale.setlocale(locale.LC_ALL)
    with warnings.catch_warnings():
        filters = list(warnings.filters)
        with restored():
            change()
        left = [each for each in warnings.filters if each not in filters]
    after = dict(os.environ), list(sys.path), locale.setlocale(locale.LC_ALL)
    assert after[0].pop("KMP_INIT_AT_FORK") == "FALSE"  # TensorFlow has been imported meanwhile
    assert after == before
    assert [each[0] for each in left] == ["ignore"]


def test_a_warning_of_the_next_stage_is_no_error() -> None:
    with warnings.catch_warnings():
        warnings.resetwarnings()
        with restored():
            warnings.simplefilter("error")
            with pytest.raises(UserWarning):
                warnings.warn("old argument", stacklevel=1)
        with pytest.warns(UserWarning, match="old argument"):
            warnings.warn("old argument", stacklevel=1)
