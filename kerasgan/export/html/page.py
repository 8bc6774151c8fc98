"""Puts a page together from its template, style, scripts, program and weights, and takes it apart again."""

import base64
import dataclasses
import datetime
import html
import json
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from kerasgan.export.network import Exported

FOLDER = pathlib.Path(__file__).parent / "page"
SCRIPTS = ("latents.js", "queue.js", "pictures.js", "stage.js", "samples.js", "page.js")
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval'{more}; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'"
)
"""What the browser lets the page do: run what is in it, and load nothing."""


@dataclasses.dataclass(frozen=True)
class Parts:
    """What draws the pictures of a page.

    Attributes:
        program: the description of the generator for the scripts, a dict that JSON can hold.
        weights: its weights.
        kernels: compiled code.
        scripts: names of the scripts in the page's folder that run it, in order.
        libraries: texts of further scripts, before these.
        allowed: more that the browser must allow the scripts.
    """

    program: dict[str, Any]
    weights: bytes
    kernels: bytes
    scripts: tuple[str, ...]
    libraries: tuple[str, ...] = ()
    allowed: str = ""


@dataclasses.dataclass(frozen=True)
class About:
    """What a page says about itself, and which sliders it has: see `kerasgan.export.html.write`."""

    title: str
    data: str | None = None
    class_names: Sequence[str] | None = None
    directions: Sequence[tuple[str, list[float]]] = ()


def resource(name: str) -> bytes:
    """Returns a file of the page's folder."""
    return (FOLDER / name).read_bytes()


def assemble(
    exported: Exported, about: About, parts: Parts, found: Mapping[str, Any], versions: Mapping[str, str]
) -> str:
    """Returns the text of a page.

    Args:
        exported: the generator.
        about: what the page says.
        parts: what draws its pictures.
        found: what the card says about the parts.
        versions: versions of packages, by name.
    """
    scripts = [*parts.libraries, *(resource(name).decode() for name in (*parts.scripts, *SCRIPTS))]
    texts = {
        "policy": POLICY.format(more=parts.allowed),
        "version": html.escape(versions.get("kerasgan", "")),
        "title": html.escape(about.title),
        "lede": html.escape(_lede(about, exported.network.count_params())),
        "style": resource("page.css").decode().strip(),
        "weights": base64.b64encode(parts.weights).decode(),
        "kernels": base64.b64encode(parts.kernels).decode(),
        "scripts": "\n".join(f"<script>\n{_closed(each).strip()}\n</script>" for each in scripts),
    }
    facts = _facts(exported, about, found, versions)
    description = {
        "title": about.title,
        "class_names": about.class_names,
        "directions": about.directions,
        "program": parts.program,
    }
    template = resource("page.html").decode()
    size = sum(map(len, texts.values())) + len(template) + len(json.dumps(description))
    description["facts"] = [*facts, ("This file", f"{size / 1e6:.2f} MB")]
    texts["description"] = _closed(json.dumps(description, separators=(",", ":")))
    return re.sub(r"\{\{(\w+)\}\}", lambda named: texts[named[1]], template)


def parts_of(text: str) -> Parts:
    """Returns what draws the pictures of a page, from its text."""
    held = dict(re.findall(r'<script type="[\w/]+" id="(\w+)">(.*?)</script>', text, re.DOTALL))
    described = json.loads(held["description"])
    return Parts(described["program"], *(base64.b64decode(held[name]) for name in ("weights", "kernels")), ())


def _closed(text):
    """Returns the text of a script in which nothing ends the script."""
    return re.sub(r"<(?=/script|!--|script)", r"\\u003c", text, flags=re.IGNORECASE)


def _lede(about, num_weights):
    trained = "" if about.data is None else f" that was trained on {about.data}"
    return (
        f"Every picture on this page is drawn as you look at it, on your own device, by a neural network of "
        f"{num_weights:,} weights{trained}."
    )


def _facts(exported, about, found, versions):
    gan = exported.gan
    height, width, channels = gan.image_shape
    facts = [("Model", f"generator of a GAN, {_layers(exported.network)}")]
    if about.data is not None:
        facts.append(("Trained on", about.data))
    facts += [
        ("Pictures", f"{width} by {height} pixels, {'gray' if channels == 1 else 'color'}"),
        ("Latents", f"{gan.latent_dim}, standard normal"),
        *([] if gan.num_classes is None else [("Classes", str(gan.num_classes))]),
        ("Weights", f"{exported.network.count_params():,}, in {found['precision']}"),
    ]
    if "levels_apart" in found:
        facts.append(("Exactness", _exactness(found["levels_apart"])))
    today = datetime.date.today()
    names = sorted(versions, key=lambda name: (name != "kerasgan", name))
    named = ", ".join(f"{name} {versions[name]}" for name in names)
    return [*facts, ("Written", f"{today.day} {today:%B %Y}"), ("Versions", named)]


def _exactness(levels):
    return "every pixel as in Keras" if levels == 0 else f"pixels within {levels} of 255 levels of Keras's"


def _layers(network):
    weights = sum(1 for each in network.weights if len(each.shape) > 1)
    return f"{weights} layers of weights" if weights != 1 else "one layer of weights"
