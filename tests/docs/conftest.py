import keras
import pytest


@pytest.fixture(autouse=True)
def registered_classes():
    """Keeps the classes that a page or an example registers to itself: Keras knows classes by name alone."""
    registered = keras.saving.get_custom_objects()
    before = dict(registered)
    yield
    registered.clear()
    registered.update(before)
