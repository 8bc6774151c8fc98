"""`kerasgan train --resume`, signals, and runs made by strangers, which can do nothing."""

import json
import os
import signal
import subprocess
import sys
import warnings

import forked
import keras
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

import kerasgan_cli
from kerasgan import callbacks
from kerasgan.resume import checkpoint_files, interrupts
from kerasgan.runs import plans, record, run_folder

RECIPE = {
    "title": "small",
    "source": "digits",
    "network": "mlp",
    "network_options": {"width": 8},
    "latent_dim": 2,
    "epochs": 3,
    "passes_per_epoch": 2,
    "steps_per_execution": 4,
}


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "planned.json"
    path.write_text(json.dumps({"name": "small", "recipe": RECIPE}))
    return path


def train(settings, log_dir):
    return kerasgan_cli.main(["train", "--settings", str(settings), "--log-dir", str(log_dir)])


def resume(run, *more):
    return kerasgan_cli.main(["train", "--resume", str(run), *more])


def refused(capsys, run, *more):
    code = resume(run, *more)
    printed = capsys.readouterr().err
    assert code == 2 and printed.startswith("kerasgan: error: ") and printed.count("\n") == 1, printed
    return printed


@pytest.fixture
def stopped(settings, tmp_path, monkeypatch, capsys):
    """A run that SIGTERM stopped at the end of its second epoch."""
    stop_at(monkeypatch, signal.SIGTERM, epoch=1)
    assert train(settings, tmp_path / "logs") == 143
    monkeypatch.undo()
    return tmp_path / "logs" / "00001-small"


def stop_at(monkeypatch, number, epoch):
    def at_end(self, ended, logs=None):
        if ended == epoch:
            signal.raise_signal(number)

    monkeypatch.setattr(callbacks.LatentWalk, "on_epoch_end", at_end)


def test_a_signal_stops_with_a_checkpoint_and_says_how_to_go_on(settings, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(signal, "getsignal", lambda number: None)  # a shell may have started this with it ignored
    before = [signal.signal(number, signal.SIG_DFL) for number in interrupts.SIGNALS]
    try:
        stop_at(monkeypatch, signal.SIGINT, epoch=0)
        assert train(settings, tmp_path / "logs") == 130
        assert signal.signal(signal.SIGINT, signal.SIG_DFL) is signal.SIG_DFL  # put back as it was
    finally:
        for number, handler in zip(interrupts.SIGNALS, before, strict=True):
            signal.signal(number, handler)
    run = tmp_path / "logs" / "00001-small"
    printed = capsys.readouterr().out
    assert "step-00000056.checkpoint" in printed and f"kerasgan train --resume {run}" in printed
    assert not (run / run_folder.MODEL).exists()
    assert "--resume RUN" in refused_by(capsys, "sample", run)
    assert resume(run) == 0
    printed = capsys.readouterr().out
    assert "Epoch 2/3" in printed and "Epoch 1/3" not in printed and "samples.png" in printed
    assert {run_folder.MODEL, run_folder.SAMPLES, run_folder.EXPORT} <= {path.name for path in run.iterdir()}
    assert resume(run) == 0 and "is finished" in capsys.readouterr().out


def refused_by(capsys, *arguments):
    capsys.readouterr()
    assert kerasgan_cli.main([str(argument) for argument in arguments]) == 2
    return capsys.readouterr().err


INTERRUPTS = f"""
import runpy, signal
deferred = runpy.run_path({interrupts.__file__!r})["deferred"]
"""
"""Imports one file, which needs no other of the package: in a process of its own all of them would take seconds."""


@pytest.mark.parametrize("number", interrupts.SIGNALS)
def test_the_second_signal_stops_at_once(number):
    code = f"""{INTERRUPTS}
signal.signal({int(number)}, signal.default_int_handler)
with deferred(lambda number: print("asked", number, flush=True)):
    signal.raise_signal({int(number)})
    print("goes on", flush=True)
    signal.raise_signal({int(number)})
    print("still there", flush=True)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == -number
    assert ended.stdout.split("\n") == [f"asked {number}", "goes on", ""] and "Once more" in ended.stderr


def test_ignored_signals_stay_ignored():
    code = f"""{INTERRUPTS}
signal.signal(signal.SIGINT, signal.SIG_IGN)
with deferred(lambda number: print("asked")):
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "")


# Refusals


@pytest.mark.parametrize(
    "more",
    [
        ["digits"],
        ["--seed", "0"],
        ["--deterministic"],
        ["--dry-run"],
        ["--precision", "float32"],
        ["--steps-per-execution", "1"],
    ],
)
def test_a_resumed_run_takes_no_new_settings(more, tmp_path, capsys):
    assert "keeps its settings, except for --epochs" in refused(capsys, tmp_path, *more)


def test_folders_that_are_not_runs_and_damaged_settings(tmp_path, capsys, settings):
    assert "RUN must be the folder of a run" in refused(capsys, tmp_path / "nowhere")
    assert "RUN must be the folder of a run" in refused(capsys, settings)
    run = tmp_path / "run"
    run.mkdir()
    whole = json.dumps({"recipe": RECIPE, "dataset": {"num_images": 1797, "fingerprint": "a"}})
    for content in ("", "{", "[" * 100_000, whole[:-9], "[]", "{}", "\0" * 100, json.dumps({"recipe": RECIPE})):
        (run / run_folder.SETTINGS).write_text(content)
        assert "Received" in refused(capsys, run)


@pytest.mark.filterwarnings("ignore:.*other versions")
@pytest.mark.parametrize(
    "dataset", [None, 3, {}, {"num_images": 10**30, "fingerprint": "a"}, {"num_images": 1797, "fingerprint": 3}]
)
def test_settings_that_do_not_identify_the_data(dataset, tmp_path, capsys):
    (tmp_path / run_folder.SETTINGS).write_text(json.dumps({"recipe": RECIPE, "dataset": dataset}))
    assert "must identify its data" in refused(capsys, tmp_path)


def test_other_data_other_links_and_other_processes(stopped, tmp_path, capsys):
    kept = json.loads((stopped / run_folder.SETTINGS).read_text())
    (stopped / run_folder.SETTINGS).write_text(
        json.dumps(kept | {"dataset": kept["dataset"] | {"fingerprint": "0" * 64}})
    )
    assert "the data with which it started" in refused(capsys, stopped)
    (stopped / run_folder.SETTINGS).write_text(json.dumps(kept))
    with run_folder.claim(stopped):
        assert "one process at a time" in refused(capsys, stopped)
    (stopped / run_folder.CHECKPOINTS).rename(tmp_path / "elsewhere")
    (stopped / run_folder.CHECKPOINTS).symlink_to(tmp_path / "elsewhere")
    assert "which is a link" in refused(capsys, stopped)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(stopped, capsys):
    newest, before = checkpoint_files.files(stopped / run_folder.CHECKPOINTS)[:2]
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.warns(UserWarning, match=f"Passed over {newest.name}.*Used instead: .*{before.name}") as caught:
        assert resume(stopped) == 0
    assert sum("Passed over" in str(each.message) for each in caught) == 1
    assert "Epoch 2/3" in capsys.readouterr().out


@pytest.mark.slow
def test_where_all_are_damaged_it_says_so(stopped, capsys):
    for path in checkpoint_files.files(stopped / run_folder.CHECKPOINTS):
        path.write_bytes(b"")
    assert "kerasgan train --settings RUN" in refused(capsys, stopped)
    assert (stopped / run_folder.SETTINGS).exists()


@pytest.mark.slow
def test_without_a_checkpoint_it_starts_again(stopped, capsys):
    for path in checkpoint_files.files(stopped / run_folder.CHECKPOINTS):
        path.unlink()
    assert resume(stopped) == 0
    assert "Epoch 1/3" in capsys.readouterr().out


@pytest.mark.slow
def test_other_versions_give_a_warning(stopped):
    kept = json.loads((stopped / run_folder.SETTINGS).read_text())
    assert set(kept) >= {"versions", "commit", "flags", "devices"} and len(kept["dataset"]["fingerprint"]) == 64
    (stopped / run_folder.SETTINGS).write_text(json.dumps(kept | {"versions": kept["versions"] | {"keras": "3.0"}}))
    with pytest.warns(UserWarning, match="other versions of keras:"):
        assert resume(stopped) == 0


# Strangers' files


def test_a_model_that_would_run_code_is_refused(tmp_path, capsys):
    mark = tmp_path / "code ran"
    code = f"lambda x: (__import__('os').makedirs({str(mark)!r}, exist_ok=True), x)[1]"
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(eval(code))])
    model.save(tmp_path / run_folder.MODEL)
    mark.rmdir()
    for command in (["sample", tmp_path], ["export", tmp_path, "--out", tmp_path / "out"]):
        assert "Lambda" in refused_by(capsys, *command) and not mark.exists()
    keras.models.load_model(tmp_path / run_folder.MODEL, safe_mode=False)
    assert mark.exists()  # it would have


def test_settings_are_read_within_bounds(tmp_path):
    file = tmp_path / run_folder.SETTINGS
    with open(file, "wb") as large:
        large.truncate(2**40)
    with pytest.raises(ValueError, match="larger than 8,388,608 bytes"):
        run_folder.read_settings(tmp_path)
    file.unlink()
    (tmp_path / "outside.json").write_text("{}")
    file.symlink_to(tmp_path / "outside.json")
    with pytest.raises(ValueError, match="readable JSON"):
        run_folder.read_settings(tmp_path)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(ValueError, match="not a plain file"):
        run_folder.read_settings(tmp_path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["digits", "mlp"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
FIELDS = [*RECIPE, "learning_rate", "gamma", "augment", "conditional", "image_size", "objective"]
SETTINGS = st.one_of(
    st.binary(max_size=200),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries(
        {"recipe": st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4).map(lambda more: RECIPE | more)},
        optional={
            "dataset": st.just({"num_images": 1797, "fingerprint": "0" * 64}) | VALUES,
            "seed": st.just(3) | VALUES,
            **{name: VALUES for name in ("name", "deterministic", "versions", "what")},
        },
    ).map(lambda value: json.dumps(value).encode()),
    st.integers(0, 400).map(lambda end: json.dumps({"recipe": RECIPE, "seed": 3}).encode()[:end]),
)


def fuzz_settings(run, examples):
    """Any bytes are settings that make a plan and identify their data, or are refused in a sentence."""
    counted = {"taken": 0, "refused": 0}

    @settings_of_hypothesis(
        max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(SETTINGS)
    @example(
        json.dumps({"recipe": RECIPE, "dataset": {"num_images": 1797, "fingerprint": "0" * 64}, "seed": 3}).encode()
    )
    def any_settings(content):
        (run / run_folder.SETTINGS).write_bytes(content)
        try:
            read = run_folder.read_settings(run)
            plan = plans.make_plan(read, {}, None, False)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                record.recorded_data(read, plan.recipe)
        except (ValueError, OSError) as error:
            assert str(error)
            counted["refused"] += 1
        else:
            counted["taken"] += 1

    any_settings()
    return counted


def test_any_settings_are_taken_or_refused(tmp_path):
    counted = fuzz_settings(tmp_path, 200)
    assert counted["taken"] > 0 and counted["refused"] > 100


@pytest.mark.slow
def test_any_settings_are_taken_or_refused_many_times(tmp_path):
    print(fuzz_settings(tmp_path, 10_000))


# Determinism


@pytest.mark.slow
@pytest.mark.parametrize("network", ["dcgan", "resnet"])
def test_the_same_seed_gives_the_same_bits_twice(network, tmp_path):
    """All weights, slots, seeds and counters after two epochs, each time in a process of its own."""
    more = {"network": network, "image_size": 16, "latent_dim": 8, "epochs": 2, "passes_per_epoch": 1}
    path = tmp_path / "planned.json"
    path.write_text(json.dumps({"recipe": RECIPE | more, "deterministic": True}))
    ends = []
    for seed in (1, 1, 2):
        command = ["train", "--settings", str(path), "--seed", str(seed), "--log-dir", str(tmp_path / "logs")]
        subprocess.run([sys.executable, "-m", "kerasgan", *command], check=True, capture_output=True)
        run = max((tmp_path / "logs").iterdir())
        ends.append(checkpoint_files.files(run / run_folder.CHECKPOINTS)[0].read_bytes())
    assert ends[0] == ends[1] != ends[2]


# Run folders


def test_settings_are_written_whole(tmp_path, monkeypatch):
    run_folder.write_settings(tmp_path, {"a": 1})

    def fails(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError):
        run_folder.write_settings(tmp_path, {"a": 2})
    assert run_folder.read_settings(tmp_path) == {"a": 1} and os.listdir(tmp_path) == [run_folder.SETTINGS]


def test_many_processes_that_start_at_once_get_folders_of_their_own(tmp_path):
    begin, end = os.pipe()

    def make_folders():
        os.close(end)
        os.read(begin, 1)  # until the last process has closed the other end: all start at once
        for _ in range(10):
            run = run_folder.create(tmp_path, "x")
            with run_folder.claim(run):
                (run / "mine").touch(exist_ok=False)

    processes = [forked.start(make_folders) for _ in range(12)]
    os.close(end)
    assert [forked.exit_code(process) for process in processes] == [0] * 12
    os.close(begin)
    assert len(list(tmp_path.glob("*-x/mine"))) == 120 == len(list(tmp_path.iterdir()))


def test_a_claim_ends_with_its_process(tmp_path):
    def killed():
        with run_folder.claim(tmp_path):
            os.kill(os.getpid(), signal.SIGKILL)

    assert forked.exit_code(forked.start(killed)) == -signal.SIGKILL
    with (
        run_folder.claim(tmp_path),
        pytest.raises(ValueError, match="one process at a time"),
        run_folder.claim(tmp_path),
    ):
        pass
