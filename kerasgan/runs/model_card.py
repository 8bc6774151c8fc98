"""The card of a run on a model hub: pictures, how to use it, recipe and figures, as Markdown."""

from typing import Any

from kerasgan import evaluation
from kerasgan.runs import classification, recipes, run_folder
from kerasgan.validation.printable import printable

FRONT_MATTER = """---
library_name: keras
pipeline_tag: {task}
tags:
- gan
- kerasgan
---
"""

LEFT_OUT = ("title", "source", "base")


def card(address: str, settings: dict[str, Any], figures: dict[str, Any]) -> str:
    """Returns the model card of a run.

    Args:
        address: its address, `hf://user/name`.
        settings: the run's settings, a dict; what is missing is left out of the card.
        figures: the figures of its evaluation; an empty dict where there are none.
    """
    name = address.rpartition("/")[2]
    recipe, dataset = settings.get("recipe") or {}, settings.get("dataset") or {}
    parts = [
        FRONT_MATTER.format(task=_task(recipe)) + f"\n# {name}",
        f"A generative adversarial network, trained with kerasgan{_data(recipe, dataset)}.",
        f"![Samples]({run_folder.SAMPLES})\n\n*{_shown(recipe)} of the trained generator, not selected.*",
        f"## Use\n\n{_use(address, recipe)}",
        f"## Recipe\n\n{_recipe(settings, recipe)}",
        *([f"## Figures\n\n{_figures(figures)}"] if figures else []),
    ]
    return "\n\n".join(parts) + "\n"


def _data(recipe, dataset):
    named = dataset.get("name") or recipe.get("source")
    count = dataset.get("num_images")
    images = f"{count:,} images" if type(count) is int else "images"
    shape = dataset.get("image_shape")
    size = f" of {shape[0]}x{shape[1]} pixels" if isinstance(shape, list) and len(shape) == 3 else ""
    return "" if named is None else f" on {images}{size} from `{printable(named)}`"


def _task(recipe):
    return "image-to-image" if _translates(recipe) else "unconditional-image-generation"


def _shown(recipe):
    return "Inputs, translations and the truth" if _translates(recipe) else "Samples"


def _translates(recipe):
    return any(recipe.get(name) is not None for name in recipes.SOURCES)


def _use(address, recipe):
    labels = ", labels=3" if recipe.get("conditional") else ""
    call, command = f".generate(16, seed=0{labels})  # float32 in [-1, 1]", f"sample {address} --n 64"
    if _translates(recipe):
        call = ".translate(inputs)  # float32 in [-1, 1], as its inputs"
        command = f"translate {address} FOLDER --out FOLDER"
    return f"""```python
import keras, kerasgan
images = keras.saving.load_model("{address}"){call}
```

From the command line, which `pip install "kerasgan[hub]"` installs:

```bash
kerasgan {command}
```"""


def _recipe(settings, recipe):
    rows = [("setting", "value")]
    rows += [(name, printable(value)[:80]) for name, value in recipe.items() if name not in LEFT_OUT]
    rows += [("seed", printable(settings["seed"]))] if "seed" in settings else []
    versions = settings.get("versions") or {}
    rows += [(f"version of {name}", printable(versions[name])) for name in ("kerasgan", "keras") if name in versions]
    return evaluation.layout(rows)


def _figures(figures):
    names = {"fid": "FID", "kid": "KID"}
    rows = [("figure", "value")]
    for name in evaluation.METRICS:
        if isinstance(figures.get(name), int | float):
            rows.append((names.get(name, name), f"{figures[name]:.4g}"))
    accuracy = figures.get(classification.NAME)
    if isinstance(accuracy, dict):
        kinds = {"generated": "samples", "real": "real images"}
        found = [(kinds[name], accuracy[name]) for name in kinds if isinstance(accuracy.get(name), float)]
        rows += [(f"accuracy of a classifier trained on {name}", f"{value:.3f}") for name, value in found]
    generated, extractor = figures.get("generated"), figures.get("extractor")
    remark = f"\n\nOf {generated} samples on the features of {printable(extractor)}." if extractor else ""
    return evaluation.layout(rows) + remark + " Comparable only with figures on the same features." * bool(remark)
