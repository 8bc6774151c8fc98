"""What goes with what: every pair of choices trains, is saved and goes on, or is refused with a reason."""

import itertools
import pathlib
import time

import keras
import matrix
import pytest

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "matrix.md"
NUM_PAIRS = 35  # written down, so that a collection of tests need not ask `compile`


@pytest.mark.parametrize("number", range(NUM_PAIRS))
def test_every_pair_of_choices_trains_and_goes_on_after_a_load(number, tmp_path):
    matrix.play(matrix.pairs()[number], tmp_path / "gan.keras")


def test_the_selections_hold_what_they_promise():
    assert len(matrix.pairs()) == NUM_PAIRS
    for size, selection in ((2, matrix.pairs()), (3, matrix.product() + matrix.triples())):
        wanted, had = set(), set()
        for cell in matrix.cells():
            if matrix.works(cell):
                wanted.update(itertools.combinations(cell.items(), size))
        for cell in selection:
            had.update(itertools.combinations(cell.items(), size))
        assert had == wanted


def test_what_is_refused_is_refused_in_every_way_to_run_it():
    """That `compile` is asked of five dimensions alone, as the page does, leaves nothing out."""
    for combination, said in matrix.refused_combinations():
        others = {name: matrix.DIMENSIONS[name][0] for name in matrix.ASKED if name not in combination}
        for averaged in matrix.DIMENSIONS["averaged generator"]:
            ways = matrix.cells(**others | combination | {"averaged generator": averaged})
            gan = matrix.game_of(ways[0])
            assert [matrix.refusal(gan, cell) for cell in ways] == [said] * 4


def test_every_refusal_names_the_rule_what_was_received_and_the_way_out():
    for said in filter(None, matrix.refusals().values()):
        rule, _, rest = said.partition(". Received: ")
        assert " must " in rule or " need" in rule or " so each " in rule, said
        assert ". Use " in rest, said


def test_the_page_is_what_compile_says():
    assert PAGE.read_text() == matrix.page(), "python tests/matrix.py --write docs/matrix.md"


@pytest.mark.slow
@pytest.mark.parametrize("selection", [matrix.product, matrix.triples], ids=["product", "triples"])
def test_every_three_choices_train_and_go_on_after_a_load(selection, tmp_path):
    start, failures = time.process_time(), []
    for cell in selection():
        try:
            matrix.play(cell, tmp_path / "gan.keras")
        except Exception as error:  # the others are tried all the same
            failures.append(f"{title(cell)}: {type(error).__name__} {error}")
        keras.backend.clear_session()  # else the graphs of hundreds of games would be kept
    print(f"{len(selection())} games, {time.process_time() - start:.0f} s of CPU")
    assert not failures, "\n".join(failures)


def title(cell):
    return "-".join(str(choice) for choice in cell.values())
