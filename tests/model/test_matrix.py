"""Combinations of options: each trains, is saved and goes on after a load, or is refused with a reason."""

import itertools
import pathlib
import time

import keras
import matrix
import pytest

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "matrix.md"
NUM_SINGLES = 7  # written down, so that collecting the tests need not compile anything
NUM_PAIRS = 35


@pytest.mark.parametrize("number", range(NUM_SINGLES))
def test_every_choice_trains_and_goes_on_after_a_load(number, tmp_path):
    matrix.check(matrix.singles()[number], tmp_path / "gan.keras")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(NUM_PAIRS))
def test_every_pair_of_choices_trains_and_goes_on_after_a_load(number, tmp_path):
    matrix.check(matrix.pairs()[number], tmp_path / "gan.keras")


@pytest.mark.slow
@pytest.mark.parametrize("selection", [matrix.product, matrix.triples], ids=["product", "triples"])
def test_every_three_choices_train_and_go_on_after_a_load(selection, tmp_path):
    start, failures = time.process_time(), []
    for cell in selection():
        try:
            matrix.check(cell, tmp_path / "gan.keras")
        except Exception as error:  # the others are tried all the same
            failures.append(f"{title(cell)}: {type(error).__name__} {error}")
        keras.backend.clear_session()  # else the graphs of hundreds of models would be kept
    print(f"{len(selection())} combinations, {time.process_time() - start:.0f} s of CPU")
    assert not failures, "\n".join(failures)


def title(cell):
    return "-".join(str(choice) for choice in cell.values())


def test_the_selections_are_complete():
    assert (len(matrix.singles()), len(matrix.pairs())) == (NUM_SINGLES, NUM_PAIRS)
    selections = {1: matrix.singles(), 2: matrix.pairs(), 3: matrix.product() + matrix.triples()}
    for size, selection in selections.items():
        expected, found = set(), set()
        for cell in matrix.cells():
            if matrix.works(cell):
                expected.update(itertools.combinations(cell.items(), size))
        for cell in selection:
            found.update(itertools.combinations(cell.items(), size))
        assert found == expected


def test_the_other_dimensions_make_no_difference_to_refusals():
    for combination, message in matrix.refused_combinations():
        others = {name: matrix.DIMENSIONS[name][0] for name in matrix.CHECKED if name not in combination}
        for averaged in matrix.DIMENSIONS["averaged generator"]:
            cells = matrix.cells(**others | combination | {"averaged generator": averaged})
            gan = matrix.make_gan(cells[0])
            assert [matrix.refusal(gan, cell) for cell in cells] == [message] * 4


def test_every_refusal_names_the_rule_the_value_and_the_way_out():
    for message in filter(None, matrix.refusals().values()):
        rule, _, rest = message.partition(". Received: ")
        assert " must " in rule or " need" in rule, message
        assert ". Use " in rest, message


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == matrix.page(), "python tests/matrix.py --write docs/matrix.md"
