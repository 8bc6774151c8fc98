"""Several runs in one table: what differs, means over seeds, and all curves as CSV."""

import csv
import dataclasses
import json
import statistics

import pytest

from kerasgan.runs import compare, recipes, run_folder

HEADER = "epoch,step,seconds,d_loss,g_loss,loss\n"


def make_run(log_dir, name, seed, losses, recipe=None, figures=None):
    run = log_dir / name
    run.mkdir()
    recipe = recipe or recipes.get("digits")
    run_folder.write_settings(run, {"name": "digits", "recipe": dataclasses.asdict(recipe), "seed": seed})
    rows = [f"{epoch},{10 * epoch},2.5,{loss},{loss},{2 * loss}\n" for epoch, loss in enumerate(losses, 1)]
    (run / run_folder.HISTORY).write_text(HEADER + "".join(rows))
    if figures:
        (run / compare.EVALUATION).write_text(json.dumps(figures))
    return run


def cells(table):
    return {
        row[0]: row[1:] for row in ([cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines())
    }


def test_seeds_are_averaged_and_settings_that_differ_are_shown(tmp_path):
    hinge = dataclasses.replace(recipes.get("digits"), objective="hinge")
    runs = [
        make_run(tmp_path, "00001-digits", 0, [0.9, 0.7], figures={"fid": 5.0, "seed": 0, "extractor": "classifier"}),
        make_run(tmp_path, "00002-digits", 1, [0.9, 0.5], figures={"fid": 7.0, "seed": 0}),
        make_run(tmp_path, "00003-digits", 0, [1.0, 1.25], hinge),
    ]
    table = cells(compare.compare(runs))
    assert table[""] == ["00001-digits and 1 more", "00003-digits"]
    assert table["seeds"] == ["0, 1", "0"]
    assert table["objective"] == ["non_saturating", "hinge"] and "epochs" not in table
    assert table["d_loss"] == [f"0.6 ± {statistics.stdev([0.7, 0.5]):.2g}", "1.25"]
    assert table["seconds"] == ["5", "5"] and table["epoch"] == ["2", "2"]
    assert table["fid"] == [f"6 ± {statistics.stdev([5, 7]):.2g}", "-"]


def test_translations_show_their_distance_to_the_truth(tmp_path):
    run = make_run(tmp_path, "00001-pairs", 0, [0.9])
    (run / run_folder.HISTORY).write_text(HEADER.replace("loss\n", "loss,g_reconstruction\n") + "1,10,2.5,1,2,3,12.5\n")
    other = make_run(tmp_path, "00002-hinge", 0, [0.9], dataclasses.replace(recipes.get("digits"), objective="hinge"))
    assert cells(compare.compare([run, other]))["g_reconstruction"] == ["12.5", "-"]
    assert "g_reconstruction" not in cells(compare.compare([other]))


def test_signals_have_figures_and_volumes_need_none(tmp_path):
    found = {"generated": 100, "real": 100, "log_spectral_distance": 1.25, "mean": 0.5, "floor": {"mean": 0.1}}
    signals = [dataclasses.replace(recipes.get("signal"), gamma=gamma, source="x") for gamma in (0.1, 0.2)]
    runs = [make_run(tmp_path, f"0000{seed}-x", 0, [0.9], recipe, found) for seed, recipe in enumerate(signals)]
    table = cells(compare.compare(runs))
    assert table["log_spectral_distance"] == ["1.25", "1.25"] and table["mean"] == ["0.5", "0.5"]
    assert table["samples"] == ["100 on values"] * 2
    assert not any("evaluate" in remark for remark in compare.remarks(runs))
    volumes = dataclasses.replace(recipes.get("volume"), source="x")
    runs = [make_run(tmp_path, f"0001{seed}-x", seed, [0.9], volumes) for seed in range(2)]
    assert not any("evaluate" in remark for remark in compare.remarks(runs))


def test_all_curves_as_csv(tmp_path):
    runs = [make_run(tmp_path, f"0000{seed}-digits", seed, [0.9, 0.7]) for seed in (0, 1)]
    compare.compare(runs, tmp_path / "curves.csv")
    rows = list(csv.DictReader(open(tmp_path / "curves.csv", newline="")))
    assert [(row["seed"], row["group"], row["epoch"], row["d_loss"]) for row in rows] == [
        ("0", "1", "1", "0.9"),
        ("0", "1", "2", "0.7"),
        ("1", "1", "1", "0.9"),
        ("1", "1", "2", "0.7"),
    ]


def test_runs_from_before_there_was_a_history(tmp_path):
    run = make_run(tmp_path, "00001-digits", 0, [0.9])
    (run / run_folder.HISTORY).unlink()
    assert cells(compare.compare([run]))["seeds"] == ["0"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (run_folder.SETTINGS, "{}"),
        (run_folder.SETTINGS, '{"recipe": 3, "seed": 0}'),
        (run_folder.HISTORY, "a,b\n"),
        (run_folder.HISTORY, HEADER + "x,y,z\n"),
        (compare.EVALUATION, "{"),
        (compare.EVALUATION, "[" * 100_000),
    ],
)
def test_damaged_runs_are_refused(tmp_path, name, text):
    run = make_run(tmp_path, "00001-digits", 0, [0.9])
    (run / name).write_text(text)
    with pytest.raises(ValueError, match="00001-digits"):
        compare.compare([run])


def test_names_are_made_printable(tmp_path):
    recipe = dataclasses.replace(recipes.get("digits"), source="a\x1b[2Jb")
    runs = [make_run(tmp_path, "00001-\x1b[31mdigits", 0, [1.0], recipe), make_run(tmp_path, "00002-x", 0, [1.0])]
    assert "\x1b" not in compare.compare(runs)


def test_runs_without_figures_are_said_with_the_command(tmp_path):
    figures = {"fid": 5.0, "generated": 100, "extractor": "pixels", "step": 10}
    runs = [
        make_run(tmp_path, "00001-a", 0, [0.9], figures=figures),
        make_run(tmp_path, "00002-b", 1, [0.9]),
        make_run(tmp_path, "00003-c", 2, [0.9, 0.8], figures=figures),  # extended since: of step 10, now at step 20
        make_run(tmp_path, "00004-d", 3, [0.9], figures=figures | {"generated": 50}),
    ]
    assert compare.remarks(runs[:1]) == []
    (said,) = compare.remarks(runs[:2])
    assert "not comparable" in said and "yet: 1 of 2 runs" in said and f"kerasgan evaluate {runs[1]}" in said
    (said,) = compare.remarks([runs[0], runs[2]])
    assert "since it was trained on: 1 of 2" in said and compare.read_run(runs[2]).figures == {}
    (said,) = compare.remarks([runs[0], runs[3]])
    assert "different numbers of samples" in said
