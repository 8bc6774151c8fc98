"""How long a user waits: `python benchmarks/startup.py`.

Each command is started again in every round, and all take turns, so that a noisy machine affects all: `kerasgan
--help`, `import kerasgan`, and `kerasgan train` up to the end of its first call into TensorFlow (`steps_per_execution`
steps), in stages. `--against CHECKOUT` compares them with those of another checkout. Prints a table of medians and
writes JSON to a new file: `--out`.
"""

import argparse
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import records

ROOT = pathlib.Path(__file__).resolve().parents[1]
STAGES = ("python", "imports", "loading", "building", "preparing", "tracing", "compiling and first steps")
STARTED, MARKS = "KERASGAN_BENCHMARK_STARTED", "KERASGAN_BENCHMARK_MARKS"


def train_to_first_step(what):
    """Runs `kerasgan train` in this process, which ends after the first call; writes the time of each stage's end.

    The marks are set around the library's own functions, so that the command itself is timed.
    """
    marks = [float(os.environ[STARTED]), time.time()]
    import kerasgan_cli

    with kerasgan_cli.quiet_import():
        import keras

        from kerasgan import step
        from kerasgan.runs import recipes, training
    marks.append(time.time())

    def marked(function):
        def timed(*arguments, **options):
            result = function(*arguments, **options)
            marks.append(time.time())
            return result

        return timed

    class FirstStep(keras.callbacks.TerminateOnNaN):
        def on_train_batch_begin(self, batch, logs=None):
            marks.append(time.time())

        def on_train_batch_end(self, batch, logs=None):
            marks.append(time.time())
            pathlib.Path(os.environ[MARKS]).write_text(json.dumps(marks))
            os._exit(0)

    training._load, recipes.build = marked(training._load), marked(recipes.build)
    step.train_step = marked(step.train_step)
    keras.callbacks.TerminateOnNaN = FirstStep
    with tempfile.TemporaryDirectory() as folder:
        kerasgan_cli.main(["train", what, "--log-dir", folder])


def commands(whats, root=ROOT):
    """Returns Python's arguments for each command, by name, in a checkout of kerasgan."""
    entry = "kerasgan_cli" if any(root.glob("kerasgan_cli*")) else "kerasgan"  # before it was a module of its own
    return {
        "kerasgan --help": ["-m", entry, "--help"],
        "import kerasgan": ["-c", "import kerasgan"],
        **{f"kerasgan train {what}": child(what, root) for what in whats},
    }


def child(what, root=ROOT):
    """Returns Python's arguments for a process that runs a checkout's own `train_to_first_step`."""
    here = str(root / "benchmarks")
    return ["-c", f"import sys; sys.path.append({here!r}); import startup; startup.train_to_first_step({what!r})"]


def stages(marks):
    """Returns the seconds of each of `STAGES` between the marks, and their sum as `total`."""
    spans = [later - earlier for earlier, later in itertools.pairwise(marks)]
    return dict(zip(STAGES, spans, strict=True)) | {"total": marks[-1] - marks[0]}


def run(arguments, root):
    """Starts Python with a checkout of kerasgan; returns the seconds of each stage, and of all as `total`."""
    with tempfile.TemporaryDirectory() as folder:
        marks = pathlib.Path(folder, "marks.json")
        environment = os.environ | {"PYTHONPATH": str(root), MARKS: str(marks), "TMPDIR": folder}
        start = time.time()
        command = [sys.executable, *arguments]
        subprocess.run(
            command, check=True, env=environment | {STARTED: str(start)}, cwd=folder, stdout=subprocess.DEVNULL
        )
        return stages(json.loads(marks.read_text())) if marks.exists() else {"total": time.time() - start}


def medians(rounds):
    """Returns the median of each stage over rounds, a list of dicts with the same keys."""
    return {stage: statistics.median(each[stage] for each in rounds) for stage in rounds[0]}


def as_markdown(rows):
    """The medians of each row, a dict of label to stages, as a table in seconds."""
    columns = (*STAGES, "total")
    lines = [f"| seconds | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for label, found in rows.items():
        cells = [f"{found[stage]:.2f}" if stage in found else "" for stage in columns]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["digits"], help="recipes to train (default: digits)")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--against", metavar="CHECKOUT", help="another checkout, to take turns with this one")
    records.add_options(parser, "startup")
    options = parser.parse_args()
    roots = {"": ROOT} | ({", the other": pathlib.Path(options.against).resolve()} if options.against else {})
    entered = [
        (name + other, commands(options.what, root)[name], root)
        for name in commands(options.what)
        for other, root in roots.items()
    ]
    for _, arguments, root in entered:
        run(arguments, root)  # once before, so that all files are in the system's cache
    found = {label: [] for label, _, _ in entered}
    for _ in range(options.rounds):
        for label, arguments, root in entered:
            found[label].append(run(arguments, root))
    print(as_markdown({label: medians(rounds) for label, rounds in found.items()}))
    records.write(options, {"rounds": options.rounds, "seconds": found})


if __name__ == "__main__":
    main()
