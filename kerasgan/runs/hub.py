"""Runs on a model hub: pushed with a model card, and loaded as Keras loads them, by `hf://user/name`."""

import json
import os
import pathlib
import re
import shutil
import tempfile
import zipfile
from typing import Any

from kerasgan import files
from kerasgan.runs import model_card, run_folder
from kerasgan.validation.printable import printable

PREFIX = "hf://"
MODEL_PARTS = ("config.json", "metadata.json", "model.weights.h5")
"""The files in a `.keras` file, which Keras looks for in a repository."""

RUN_PARTS = (run_folder.SAMPLES, run_folder.HISTORY)
CARD = "README.md"
INSTALL = 'pip install "kerasgan[hub]"'
NAMED_BY_PATH = ("source", "targets", "domain_b", "conditions")
"""Fields of the recipe that may be paths."""


def is_address(run: Any) -> bool:
    """Returns whether a run is named by its address on a hub.

    Example:
        >>> is_address("hf://someone/digits"), is_address("tensorboard_logs/00001-digits")
        (True, False)
    """
    return str(run).startswith(PREFIX)


def push(run: str | os.PathLike[str], address: str, private: bool = False) -> str:
    """Uploads a finished run to a hub: its model, samples, settings and figures, with a model card. Returns its URL.

    The model is uploaded as Keras does it, so that `keras.saving.load_model(address)` loads it. Paths of this machine
    are left out.

    Args:
        run: the run's folder.
        address: `hf://user/name`; the repository is made if it does not exist.
        private: whether a new repository is private.

    Raises:
        ValueError: if the folder is not a finished run, or the address is none.
        ImportError: if huggingface_hub is missing.
        OSError: if the upload fails.
    """
    hub, repository = _hub(), _repository(address)
    run_folder.find(run, run_folder.MODEL)
    with tempfile.TemporaryDirectory() as folder:
        prepare(pathlib.Path(run), pathlib.Path(folder), address)
        api = hub.HfApi(library_name="kerasgan")
        try:
            url = api.create_repo(repository, private=private, exist_ok=True)
            api.upload_folder(repo_id=repository, folder_path=folder, commit_message="A run of kerasgan")
        except Exception as error:  # whatever the client raises
            raise OSError(_failure("pushed", address, error)) from error
    return str(url)


def prepare(run: pathlib.Path, folder: pathlib.Path, address: str) -> None:
    """Writes what is uploaded of a run into an empty folder.

    Args:
        run: the run's folder.
        folder: an empty folder.
        address: the address, for the model card.
    """
    with zipfile.ZipFile(run / run_folder.MODEL) as archive:
        for name in MODEL_PARTS:
            with archive.open(name) as source, open(folder / name, "wb") as target:
                shutil.copyfileobj(source, target)
    (folder / "assets").mkdir()  # Keras looks for it; a repository holds no empty folders
    (folder / "assets" / "keep").touch()
    settings = _without_paths(run_folder.read_settings(run))
    (folder / run_folder.SETTINGS).write_text(json.dumps(settings, indent=2) + "\n")
    figures = {}
    if (run / run_folder.EVALUATION).is_file():
        figures = run_folder.read_object(run / run_folder.EVALUATION)
        figures.pop("run", None)
        (folder / run_folder.EVALUATION).write_text(json.dumps(figures, indent=2) + "\n")
    for name in RUN_PARTS:
        if files.kind(run / name) == "a file":
            shutil.copyfile(run / name, folder / name)
    (folder / CARD).write_text(model_card.card(address, settings, figures), encoding="utf-8")


def _without_paths(settings):
    """Returns settings in which folders and tables are named by their last part alone, and no photo by its name."""
    recipe, dataset = dict(settings.get("recipe") or {}), dict(settings.get("dataset") or {})
    for name in NAMED_BY_PATH:
        path = recipe.get(name)
        if isinstance(path, str) and os.path.isabs(path):
            recipe[name] = os.path.basename(path)
    dataset.pop("skipped", None)
    kept = settings | {"recipe": recipe, "dataset": dataset}
    start = settings.get("from")
    if isinstance(start, dict) and isinstance(start.get("run"), str):
        kept["from"] = start | {"run": os.path.basename(start["run"])}
    return kept


def local(run: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """Returns the folder of a run: of an address on a hub, after a download into the cache; any other as it is.

    Raises:
        ValueError: if the address is none, or the repository holds no run.
        ImportError: if huggingface_hub is missing.
        OSError: if the download fails.
    """
    if not is_address(run):
        return run
    hub, repository = _hub(), _repository(str(run))
    try:
        found = pathlib.Path(hub.snapshot_download(repo_id=repository, library_name="kerasgan"))
    except Exception as error:
        raise OSError(_failure("loaded", str(run), error)) from error
    missing = [name for name in (*MODEL_PARTS, run_folder.SETTINGS) if not (found / name).is_file()]
    if missing:
        raise ValueError(
            f"The repository must hold a run of kerasgan. Received: {printable(run)}, which has no "
            f"{' and no '.join(missing)}. Push one: kerasgan push RUN hf://USER/NAME"
        )
    cache = files.expanded(os.environ.get("KERASGAN_CACHE") or "~/.cache/kerasgan") / "hub"
    folder = cache / re.sub(r"[^A-Za-z0-9._-]+", "--", f"{repository}-{found.name}")
    if not (folder / run_folder.MODEL).is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with files.written_whole(folder, durable=False) as unfinished:
            _assemble(found, unfinished)
    return folder


def _assemble(found, folder):
    """Makes a run's folder from a repository."""
    folder.mkdir()
    with zipfile.ZipFile(folder / run_folder.MODEL, "w") as archive:
        for name in MODEL_PARTS:
            archive.write(found / name, name)
    for name in (run_folder.SETTINGS, run_folder.EVALUATION, *RUN_PARTS):
        if (found / name).is_file():
            shutil.copyfile(found / name, folder / name)


def _repository(address):
    name = address.removeprefix(PREFIX)
    if not is_address(address) or not re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII):
        raise ValueError(
            f"A run on a hub is named hf://USER/NAME. Received: {printable(address)!r}. For example: kerasgan push "
            "tensorboard_logs/00001-digits hf://someone/digits"
        )
    return name


def _hub():
    try:
        import huggingface_hub
    except ImportError:
        raise ImportError(
            f"Runs on a hub need the package huggingface_hub. Received: none installed. Install it: {INSTALL}"
        ) from None
    return huggingface_hub


def _failure(what, address, error):
    reason = (str(error).strip().splitlines() or [""])[0]
    return (
        f"The run could not be {what}. Received: {printable(address)} ({type(error).__name__}: "
        f"{printable(reason)[:300]}). Check the name and the connection; private repositories and uploads need "
        "`hf auth login`."
    )
