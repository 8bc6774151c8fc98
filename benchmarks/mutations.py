"""Files that are damaged or crafted, through the commands: `python benchmarks/mutations.py`.

Sound runs of a few seconds are made first. Then each case copies one, changes its model, its settings, a checkpoint or
what is at one of its paths (`mutators.py`), and calls a command on it: `sample`, `evaluate`, `export`, `train
--resume`, `train --settings`, `train --dry-run`. A case is good if the command succeeds, or ends with one line and exit
code 2. It must not run for longer than 30 s, take 1 GiB more memory than on the sound run, print control characters, or
write to anything but what was named: a folder that links lead to, the current folder and HOME are compared before and
after. Training for as long as the settings ask is stopped by SIGTERM, and good if it ends with a checkpoint.

Each command runs in a process that is forked from this one, which has imported everything and computed nothing. Prints
the counts, and the cases that are not good; `--only` repeats one of them.
"""

import argparse
import atexit
import collections
import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import stat
import sys
import tempfile
import time

import mutators
import records

LIMIT_SECONDS = 30.0
STOP_SECONDS = 20.0
SOUND_SECONDS = 300.0
LIMIT_BYTES = 2**30
ADDRESS_SPACE = 20 * 2**30
POLL_SECONDS = 0.01
KEPT_OUTPUT = 600

NETWORK = {"network": "mlp", "network_options": {"width": 8, "depth": 1}, "latent_dim": 2}
POINTS = NETWORK | {"title": "points", "source": "bell", "batch_size": 5000, "epochs": 2, "steps_per_execution": 5}
IMAGES = NETWORK | {"title": "images", "source": "digits", "batch_size": 500, "epochs": 2, "conditional": True}
SETTINGS = {
    "points": {"name": "points", "recipe": POINTS},
    "images": {"name": "images", "recipe": IMAGES | {"ema_half_life_images": 500.0}},
}

CASES = (
    ("sample", mutators.mutate_model, 250),
    ("evaluate", mutators.mutate_model, 60),
    ("export", mutators.mutate_model, 60),
    ("dry-run", mutators.mutate_settings, 170),
    ("settings", mutators.mutate_settings, 80),
    ("evaluate", mutators.mutate_settings, 60),
    ("resume", mutators.mutate_settings, 60),
    ("resume", mutators.mutate_checkpoint, 80),
    ("resume", mutators.mutate_folder, 120),
    ("sample", mutators.mutate_folder, 30),
    ("evaluate", mutators.mutate_folder, 30),
)
"""The command, what is mutated, and the number of cases in a thousand."""

MORE_CASES = (("compare", mutators.mutate_tables, 30), ("resume", mutators.mutate_tables, 20))
"""Cases after the first thousand: these keep their numbers."""


def words_of(command, case):
    """Returns the words of a command on the run of a case; everything that it may write to is in `named`."""
    run, named = case / "run", case / "named"
    return {
        "sample": ["sample", run, "--n", "4", "--seed", "0", "--out", named / "samples.png"],
        "evaluate": ["evaluate", run, "--n", "60", "--features", "pixels", "--json", named / "figures.json"],
        "export": ["export", run, "--out", named / "model"],
        "dry-run": ["train", "--settings", run, "--dry-run", "--log-dir", named / "logs"],
        "settings": ["train", "--settings", run / "settings.json", "--log-dir", named / "logs"],
        "resume": ["train", "--resume", run],
        "compare": ["compare", run, run, "--csv", named / "curves.csv"],
    }[command]


def forked(words, folder, seconds=LIMIT_SECONDS, stop_after=None):
    """Runs a command in a process of its own; returns a dict of its exit code, output, time and memory."""
    started, stopped = time.monotonic(), False
    process = os.fork()
    if not process:
        _child([str(word) for word in words], folder)
    while True:
        ended, status, usage = os.wait4(process, os.WNOHANG)
        passed = time.monotonic() - started
        if ended:
            break
        if stop_after is not None and passed > stop_after and not stopped:
            os.kill(process, signal.SIGTERM)
            stopped = True
        if passed > seconds:
            os.kill(process, signal.SIGKILL)
            _, status, usage = os.wait4(process, 0)
            break
        time.sleep(POLL_SECONDS)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "stopped": stopped,
        "hang": passed > seconds,
        "seconds": passed,
        "bytes": usage.ru_maxrss * 1024,
        "output": (folder / "output").read_bytes().decode(errors="surrogateescape"),
    }


def _child(words, folder):
    """Runs a command and ends the process."""
    code = 70
    try:
        output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        os.environ |= {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
        tempfile.tempdir = None
        os.chdir(folder / "cwd")
        import kerasgan_cli

        code = kerasgan_cli.main(words)
    except SystemExit as stopped:
        code = stopped.code
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()  # removes temporary files, as the end of any process does
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def make_case(folder, source=None):
    """Makes the folders of a case, with a copy of a run."""
    for name in ("home", "tmp", "cwd", "named", "elsewhere/folder"):
        (folder / name).mkdir(parents=True)
    (folder / "elsewhere" / "file").write_text("untouched")
    (folder / "elsewhere" / "folder" / "file").write_text("untouched")
    if source is not None:
        shutil.copytree(source, folder / "run", symlinks=True)
    return folder


def state_of(folder, *without):
    """Returns what is in a folder: for each path its kind, and the hash of a file's content or the target of a link."""
    found = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if pathlib.Path(parent, name) not in without]
        for name in (*folders, *names):
            path = pathlib.Path(parent, name)
            if path in without:
                continue
            mode = path.lstat().st_mode
            content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(mode) else None
            found[str(path.relative_to(folder))] = (mode, os.readlink(path) if stat.S_ISLNK(mode) else content)
    return found


def sound_runs(folder):
    """Makes a finished run of each kind, and one that can be resumed; returns their folders by name."""
    runs = {}
    for name, settings in SETTINGS.items():
        case = make_case(folder / name)
        (case / "settings.json").write_text(json.dumps(settings))
        ended = forked(
            ["train", "--settings", case / "settings.json", "--log-dir", case / "named"], case, SOUND_SECONDS
        )
        assert ended["code"] == 0, ended
        runs[name] = next((case / "named").iterdir())
        runs[f"stopped {name}"] = stopped = case / "stopped"
        shutil.copytree(runs[name], stopped)
        shutil.rmtree(stopped / "saved_model")
        for part in ("gan.keras", "samples.png", sorted((stopped / "checkpoints").iterdir())[-1]):
            (stopped / part).unlink()
    return runs


def run_of(command, name):
    return f"stopped {name}" if command == "resume" else name


def verdict_of(ended, baseline, written):
    """Returns what is wrong with how a command ended, or "success", "refused" or "stopped"."""
    errors = [line for line in ended["output"].splitlines() if line.startswith("kerasgan: error:")]
    if ended["hang"]:
        return "hang"
    if written:
        return "written outside"
    if "Traceback" in ended["output"]:
        return "traceback"
    if any("error: unexpected" in line for line in errors):
        return "unexpected"
    if ended["bytes"] > baseline + LIMIT_BYTES:
        return "memory"
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", ended["output"]):
        return "control characters"
    if ended["code"] == 0:
        return "success"
    if ended["stopped"] and ended["code"] in (128 + signal.SIGTERM, -signal.SIGTERM):  # -15 while results are written
        return "stopped"
    last = ended["output"].rstrip("\n").split("\n")[-1]
    return "refused" if ended["code"] == 2 and len(errors) == 1 and last == errors[0] else "another end"


GOOD = ("success", "refused", "stopped")


def run_case(number, seed, command, mutate, runs, baselines, folder):
    """Runs one case; returns what was changed, and how it ended."""
    rng = mutators.rng_of(seed, number)
    name = rng.choice(sorted(SETTINGS))
    baseline = baseline_of(command, name, runs, folder, baselines)
    case = make_case(folder / "above" / "case", runs[run_of(command, name)])
    changed = mutate(rng, case / "run", case / "elsewhere")
    own = {"resume": [case / "run"], "evaluate": [case / "run" / "evaluation.json"]}  # what a command writes into a run
    named = [case / "named", *own.get(command, [])]
    before = state_of(folder / "above", *named)
    stop_after = STOP_SECONDS if command in ("settings", "resume") else None
    ended = forked(words_of(command, case), case, stop_after=stop_after)
    (case / "output").unlink()
    written = sorted({path for path, _ in before.items() ^ state_of(folder / "above", *named).items()})
    if ended["code"] == -signal.SIGTERM:  # nothing removes the temporary files of a process that is killed
        written = [path for path in written if not path.startswith("case/tmp")]
    shutil.rmtree(folder / "above")
    verdict = verdict_of(ended, baseline, written)
    changes = {"number": number, "command": command, "run": name, "changed": changed, "written": written}
    return changes | {"verdict": verdict} | ended


def plan_of(count):
    """Returns the command and the mutation of each case, in a fixed order in which all kinds are mixed."""
    cases = [each for each in CASES for _ in range(each[2])]
    mutators.rng_of("order", 0).shuffle(cases)
    cases += [each for each in MORE_CASES for _ in range(each[2])]
    return [(command, mutate) for command, mutate, _ in (cases[number % len(cases)] for number in range(count))]


def baseline_of(command, name, runs, folder, known):
    """Returns the memory of a command on a sound run, measured once and kept in the dict `known`."""
    if (command, name) not in known:
        case = make_case(folder / "above" / "case", runs[run_of(command, name)])
        ended = forked(words_of(command, case), case, SOUND_SECONDS)
        assert ended["code"] == 0, ended
        shutil.rmtree(folder / "above")
        known[command, name] = ended["bytes"]
    return known[command, name]


def run(numbers, seed, whole=False, out=print):
    """Runs the cases of some numbers, until Ctrl-C; returns the record for the results. `whole` shows whole outputs."""
    ended, baselines, folder = (
        [],
        {},
        pathlib.Path(tempfile.mkdtemp()).resolve(),
    )  # no context: forked processes would remove it
    try:
        runs = sound_runs(folder / "sound")
        plan = plan_of(max(numbers) + 1)
        for number in numbers:
            found = run_case(number, seed, *plan[number], runs, baselines, folder)
            ended.append(found)
            if whole or found["verdict"] not in GOOD:
                out(json.dumps(found | {"output": found["output"][0 if whole else -KEPT_OUTPUT :]}, indent=1))
            if number % 50 == 49:
                out(f"{number + 1} of {max(numbers) + 1}")
    except KeyboardInterrupt:
        out(f"stopped after {len(ended)} cases")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "cases": len(ended),
        "seed": seed,
        "verdicts": dict(collections.Counter(each["verdict"] for each in ended)),
        "by_command": {
            command: dict(collections.Counter(each["verdict"] for each in ended if each["command"] == command))
            for command in sorted({each["command"] for each in ended})
        },
        "most_seconds": max(each["seconds"] for each in ended),
        "most_bytes_above_the_sound_run": max(
            each["bytes"] - baselines[each["command"], each["run"]] for each in ended
        ),
        "bad": [{name: each[name] for name in KEPT} for each in ended if each["verdict"] not in GOOD],
    }


KEPT = ("number", "command", "run", "changed", "written", "verdict")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--count", type=int, default=1000, help="number of cases (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="other cases with another seed (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case (default: %(default)s)")
    parser.add_argument("--only", type=int, help="only the case of this number, with its whole output")
    records.add_options(parser, "mutations")
    options = parser.parse_args()
    import kerasgan_cli

    with kerasgan_cli.quiet_import():
        import kerasgan.cli  # noqa: F401 - imported once; nothing is computed, or the process could not be forked
    numbers = [options.only] if options.only is not None else range(options.first, options.first + options.count)
    found = run(numbers, options.seed, options.only is not None, lambda text: print(text, flush=True))
    print(json.dumps(found, indent=1))
    records.write(options, found)
    return 1 if found["bad"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
