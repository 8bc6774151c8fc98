"""A trained network, written for use without Keras, and checked in the runtime that will use it."""

import os
from typing import Any

from kerasgan import backend
from kerasgan.datasets import ValueScale
from kerasgan.export import card, network, place, saved_model
from kerasgan.export import check as checks
from kerasgan.export.check import CheckFailed
from kerasgan.export.registry import FORMATS, format_of
from kerasgan.validation import errors

__all__ = ["FORMATS", "CheckFailed", "export", "format_of"]


def export(
    gan: Any,
    filepath: str | os.PathLike[str],
    format: str | None = None,
    what: str | None = None,
    precision: str | None = None,
    check: bool = True,
    value_scale: ValueScale | None = None,
    rate: int | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Writes a GAN for inference without Keras and kerasgan, and checks what was written in its own runtime.

    As a SavedModel it has three endpoints, each for any batch size:

    - `serving_default(z)`: float32 latents (n, latent_dim) to `images` (n, ...) in [-1, 1];
    - `generate(n, seed)`: two int32 scalars to `images` (n, ...), the same as those of `gan.generate(n, seed)`;
    - `discriminate(images)`: images (n, ...) in [-1, 1] to `logits` (n,), or a map of them; positive means real.

    The other formats hold one network: the generator, which is the averaged one if there is one, from `z` to `images`,
    or the discriminator, from `images` to `logits`. For a conditional GAN each network takes the condition as well:
    int32 `labels` (n,) for classes, float32 `condition` (n, ...) for all others. `generate` draws classes uniformly;
    other conditions it takes in the place of `n`. Labels are clipped to their range, in every format: an exported model
    cannot refuse them.

    A generator from image to image takes `images` to `translated`, and is the endpoint `translate` as well. The sizes
    that it takes stay free. A `kerasgan.CycleGAN` has `translate_to_a`, `translate_to_b`, `discriminate_a` and
    `discriminate_b`.

    The card, JSON, says what goes in and out, with a test vector and the largest difference that the check has found:
    `kerasgan.json` in the folder of a SavedModel, `FILE.kerasgan.json` next to a file.

    TensorFlow takes the path of a SavedModel for a pattern when it loads it, and finds no folder whose path holds
    brackets `[...]` or a backslash. A model that is written there is warned of; it loads once it is moved.

    Args:
        gan: a `kerasgan.GAN`.
        filepath: the folder or file to write. A file replaces a file, and a SavedModel a SavedModel.
        format: a name of `kerasgan.export.FORMATS`; None takes the one whose suffix the path has: `.onnx`, `.tflite`
            (`"litert"`), `.xml` (`"openvino"`) or `.html`, and `"tf_saved_model"` for any other path.
        what: `"generator"`, `"discriminator"`, or for a SavedModel `"both"`; None for the generator, and both in a
            SavedModel. Of a CycleGAN `"generator_ab"` (the default of files), `"generator_ba"`, `"discriminator_a"` or
            `"discriminator_b"`.
        precision: of the stored weights. None for `"float32"`, and in a page for `"auto"`: float16 where its pixels
            stay within one level. ONNX and LiteRT also have `"float16"` and `"int8"`, a page `"float16"`.
        check: True loads what was written in its own runtime and compares the test vector's output with the network's
            own. Above the tolerance of the format nothing is written. False leaves this out.
        value_scale: for the card, `info.value_scale` of the data: the dtype, range and unit, by which samples become
            values of the data again, exactly where these are of 8 or 16 bits; None leaves it open.
        rate: for the card, samples a second of sounds; None for other data.
        options: further options of the format; `kerasgan.export.FORMATS` has them.

    Returns:
        The card, a dict.

    Raises:
        ValueError: for an unknown format or option, a path that it cannot be written to, an engine that does not write
            the format, or a network that it cannot hold.
        CheckFailed: a ValueError, for a difference above the tolerance.
        ImportError: if the format needs a package that is not installed.

    Example:

    ```python
    import kerasgan

    generator, discriminator = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=4)
    card = gan.export("saved_model")
    ```
    """
    format = format_of(os.fspath(filepath)) if format is None else format
    if format not in FORMATS:
        raise errors.unknown_name("format", format, FORMATS)
    precision = precision or next(iter(FORMATS[format].precisions))
    facts = {"value_scale": value_scale, "rate": rate}
    return _write(gan, filepath, format, what, precision, check, facts, options)


def _write(gan, filepath, format, what, precision, checked, facts, options):
    chosen, module = FORMATS[format], place.module_of(format)
    if hasattr(module, "check_gan"):
        module.check_gan(gan)
    place.check_choices(format, what or chosen.what[0], precision, options)
    path = place.checked_path(filepath, format)
    what = _checked_what(gan, what, chosen)
    subject = network.exported(gan, what, in_policy=chosen.is_folder)
    vectors = checks.test_vectors(subject)
    found = card.contents(subject, format, precision, **facts) | {"test": checks.encoded(vectors)}
    checked = checked and hasattr(module, "run")
    with place.written(path) as unfinished:
        found |= _converted(module, subject, unfinished, found, options) or {}
        found["check"] = checks.check(module, vectors, unfinished, format, found) if checked else None
        if hasattr(module, "embed"):
            module.embed(unfinished, found)
            if checked:  # once more, as it is now
                checks.check(module, vectors, unfinished, format, found)
        found["files"] = card.checksums(unfinished, chosen)
        card.write(unfinished, chosen, found)
    if chosen.is_folder:
        saved_model.warn_of_pattern(path)
    return found


def _checked_what(gan, what, chosen):
    """Returns what is exported, of what a format holds and a GAN has."""
    known = network.choices(gan, several=chosen.is_folder)
    if what is not None and what not in known:
        kind = "a CycleGAN" if network.has_domains(gan) else "a GAN of one generator"
        raise ValueError(
            f"{chosen.title} of {kind} is written with what one of {', '.join(known)}. Received: what={what!r}."
        )
    return known[0] if what is None else what


def _converted(module, subject, path, found, options):
    """Calls a format's `write`; converters have errors of their own for networks that they do not know."""
    try:
        return module.write(subject, path, found["precision"], found, **options)
    except (ValueError, ImportError, MemoryError, *backend.WRITE_ERRORS):
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"{FORMATS[found['format']].title} cannot hold this network. Received: a {subject.role} with which its "
            f"converter ends in an error ({reason}). Choose another format, or replace the layer that it names."
        ) from error
