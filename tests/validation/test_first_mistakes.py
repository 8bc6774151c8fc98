"""First mistakes: each is answered with the rule, what was received, and the way that exists."""

import contextlib
import re
import warnings

import keras
import numpy as np
import pytest

import kerasgan
from kerasgan.validation import errors, first_mistakes

IMAGES = np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 1)).astype("float32")


def make_gan(generator=None):
    networks = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8)
    return kerasgan.GAN(generator or networks[0], networks[1], latent_dim=4)


@contextlib.contextmanager
def warned(*parts):
    """Exactly one warning, with all these parts; without parts none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    texts = [str(each.message) for each in caught if each.category is UserWarning]
    assert len(texts) == bool(parts), texts
    assert all(part in texts[0] for part in parts), texts


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"optimizer": "adam"}, ["no argument of that name", "optimizer='adam'", "d_optimizer and g_optimizer"]),
        ({"learning_rate": 1e-3}, ["learning_rate=0.001.", "d_optimizer=keras.optimizers.Adam"]),
        ({"loss": "bce"}, ["objective="]),
        ({"metrics": ["accuracy"]}, ["kerasgan.callbacks.Evaluate"]),
        ({"d_optimiser": None}, ["did you mean d_optimizer?"]),
        ({"completely_else": 1}, ["it takes d_optimizer, g_optimizer"]),
    ],
)
def test_compile_names_the_arguments_that_exist(arguments, parts):
    with pytest.raises(TypeError) as error:
        make_gan().compile(**arguments)
    assert all(part in str(error.value) for part in parts)


@pytest.mark.parametrize("name", first_mistakes.INSTEAD)
def test_every_way_that_is_advised_exists(name):
    """The code in the answers runs."""
    gan = make_gan()
    code = re.search(
        r"\b(compile|fit|kerasgan\.GAN)\(.*\)|(penalties|updates)=.*", first_mistakes.INSTEAD[name]
    ).group()
    if code.startswith(("penalties", "updates")):
        code = f"compile({code})"
    gan.compile()
    code = code.replace("fit(...", "fit(images").replace("GAN(...", "GAN(*networks, latent_dim=4")
    networks = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8)
    values = {"compile": gan.compile, "fit": gan.fit, "images": IMAGES, "networks": networks}
    eval(
        code.replace("Evaluate(images)", "Evaluate(images, 'pixels')"), {"keras": keras, "kerasgan": kerasgan} | values
    )


@pytest.mark.parametrize("classes", [None, 3])
def test_swapped_networks_are_recognized(classes):
    generator, discriminator = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8, num_classes=classes)
    with pytest.raises(ValueError, match=r"generator comes first.*\(8, 8, 1\).*swapped.*GAN\(generator, discr"):
        kerasgan.GAN(discriminator, generator, latent_dim=4, num_classes=classes)


def test_points_of_one_dimension_are_not_taken_for_swapped():
    generator, discriminator = kerasgan.networks.mlp((1,), latent_dim=1, width=8)
    kerasgan.GAN(generator, discriminator, latent_dim=1)
    kerasgan.GAN(discriminator, generator, latent_dim=1)  # the same shapes: nothing to be recognized


@pytest.mark.parametrize(
    ("callback", "parts"),
    [
        (
            keras.callbacks.EarlyStopping(),
            ["EarlyStopping", "monitor='val_loss'", "without validation_data", "val_fid"],
        ),
        (
            keras.callbacks.EarlyStopping(monitor="g_loss", mode="min"),
            ["monitor='g_loss'", "no measure of it", "mode='min'"],
        ),
        (keras.callbacks.ReduceLROnPlateau(monitor="loss"), ["ReduceLROnPlateau", "monitor='loss'", "Evaluate"]),
        (keras.callbacks.EarlyStopping(monitor="val_fid", mode="min"), []),
        (keras.callbacks.TerminateOnNaN(), []),
    ],
)
def test_callbacks_that_monitor_a_loss(callback, parts):
    gan = make_gan()
    gan.compile()
    with warned(*parts):
        with contextlib.redirect_stdout(None):
            first_mistakes.warn_of_monitors([callback], has_validation=False)
    if parts:
        with pytest.warns(UserWarning, match="quality of the samples"):
            gan.fit(IMAGES, epochs=1, callbacks=[callback], verbose=0)


def test_checkpoints_of_every_epoch_may_monitor_anything(tmp_path):
    each = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    best = keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor="loss", save_best_only=True)
    with warned():
        first_mistakes.warn_of_monitors([each], has_validation=False)
    with warned("ModelCheckpoint", "monitor='loss'"):
        first_mistakes.warn_of_monitors([best], has_validation=False)


class Own(keras.layers.Layer):
    def call(self, inputs):
        return inputs


@keras.saving.register_keras_serializable()
class Registered(keras.layers.Layer):
    def call(self, inputs):
        return inputs


def wave(inputs):
    return keras.ops.sin(inputs)


@pytest.mark.parametrize(
    ("layer", "parts"),
    [
        (Own(), ["registered", "Own in the generator", "register_keras_serializable()", "custom_objects={'Own': Own}"]),
        (keras.layers.Dense(64, activation=wave), ["wave in the generator", "custom_objects={'wave': wave}"]),
        (Registered(), []),
        (keras.Sequential([keras.layers.Dense(64, "relu")]), []),
    ],
)
def test_save_warns_of_what_load_will_not_find(layer, parts, tmp_path):
    generator = keras.Sequential([keras.Input((4,)), keras.layers.Dense(64), layer, keras.layers.Reshape((8, 8, 1))])
    gan = make_gan(generator)
    with warned(*parts):
        gan.save(tmp_path / "gan.keras")
    if not parts:
        keras.models.load_model(tmp_path / "gan.keras")


@pytest.mark.parametrize(
    ("shape", "way"),
    [
        ((16, 8, 8), r"images\[..., None\]"),
        ((16, 1, 8, 8), r"np.moveaxis\(images, 1, -1\)"),
        ((16, 28, 28, 1), r"image_shape=\(28, 28, 1\)"),
    ],
)
def test_images_of_another_shape_are_answered_with_the_way_to_it(shape, way):
    gan = make_gan()
    gan.compile()
    with pytest.raises(ValueError, match=rf"Received: shape {re.escape(str(shape))}.*{way}"):
        gan.fit(np.zeros(shape, "float32"), epochs=1, verbose=0)


def test_a_class_in_place_of_a_value():
    with pytest.raises(ValueError, match=r"not its class. Received: objective=Hinge. Call it: objective=Hinge\(\)"):
        make_gan().compile(objective=kerasgan.objectives.Hinge)


def test_a_label_for_a_model_without_labels():
    with pytest.raises(ValueError, match=r"Received: labels=.*Leave labels out, or build .* num_classes"):
        make_gan().generate(2, labels=1)


def test_a_name_like_no_other_is_not_guessed():
    known = [*map(str, range(21)), "svhn_cropped"]
    assert "Did you mean" not in str(errors.unknown_name("dataset", "nope", known))


@pytest.mark.parametrize(("side", "near"), [(33, "image_size=32 or 36"), (5, "image_size=8"), (6, "image_size=8")])
def test_an_image_size_that_does_not_halve_is_answered_with_the_next_ones(side, near):
    with pytest.raises(ValueError, match=rf"multiples of 4.*Received: image_shape=\({side}, {side}, 3\).*{near}"):
        kerasgan.networks.dcgan((side, side, 3), latent_dim=4)
