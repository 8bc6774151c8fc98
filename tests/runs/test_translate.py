"""`kerasgan translate`, and trainings from image to image as they are asked for on the command line."""

import json

import numpy as np
import pytest
import translators
from PIL import Image

import kerasgan
import kerasgan_cli
from kerasgan import networks
from kerasgan.runs import plans, recipes, run_folder, translate

RANDOM = np.random.default_rng(0)


def command(capsys, *arguments):
    """Runs a command; returns its exit code and its output."""
    try:
        code = kerasgan_cli.main(list(map(str, arguments)))
    except SystemExit as stopped:
        code = stopped.code
    return code, capsys.readouterr()


def refused(capsys, *arguments):
    code, printed = command(capsys, *arguments)
    assert code == 2 and "Traceback" not in printed.err
    return printed.err.strip().splitlines()[-1]


def photo(path, height, width, mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RANDOM.integers(256, size=(height, width) if mode == "L" else (height, width, len(mode)), dtype="uint8")
    Image.fromarray(pixels).save(path)
    return pixels


def finished(folder, gan, **recipe):
    """A folder with what `translate` reads of a run."""
    folder.mkdir()
    fields = {"title": "", "source": "digits", "network": "pix2pix"} | recipe
    (folder / run_folder.SETTINGS).write_text(json.dumps({"name": "x", "seed": 0, "recipe": fields}))
    gan.save(folder / run_folder.MODEL)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("logs") / "00001-x", unet_gan())


def unet_gan():
    condition = kerasgan.conditions.Image((16, 16, 1))
    both = networks.pix2pix((16, 16, 1), width=2, depth=2, condition=condition)
    return kerasgan.GAN(*both, latent_dim=0, condition=condition)


@pytest.mark.parametrize("out", ["samples.npz", "samples.npy", "folder"])
def test_samples_of_a_translation_are_a_picture(run, tmp_path, capsys, out):
    assert "are one picture, a .png file" in refused(capsys, "sample", run, "--out", tmp_path / out)
    assert not (tmp_path / out).exists()


def test_a_folder_of_any_sizes(run, tmp_path, capsys):
    """A size that halves goes through as it is; another one is padded by reflection and cropped back."""
    exact, odd = photo(tmp_path / "in" / "a.png", 8, 12), photo(tmp_path / "in" / "b" / "c.bmp", 9, 13)
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no photo")
    with pytest.warns(UserWarning, match=r"Skipped 1 of 3 .* broken\.jpg"):
        code, printed = command(capsys, "translate", run, tmp_path / "in", "--out", tmp_path / "out")
    assert code == 0 and "2 translations" in printed.out and "1 of them were padded" in printed.out
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.png")) == [
        "a.png",
        "b/c.png",
    ]
    gan = kerasgan.validation.model_files.load(run / run_folder.MODEL)
    for pixels, name in ((exact, "a.png"), (odd, "b/c.png")):
        padding = [(0, -side % 4) for side in pixels.shape]
        given = np.pad(pixels, padding, mode="reflect")[None, :, :, None].astype("float32") / 127.5 - 1
        expected = kerasgan.pictures.to_uint8(gan.translate(given))[0, : pixels.shape[0], : pixels.shape[1], 0]
        assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / name)), expected)


def test_nothing_is_written_over(run, tmp_path, capsys):
    photo(tmp_path / "in" / "a.png", 8, 8)
    before = (tmp_path / "in" / "a.png").read_bytes()
    for more in ([], ["--overwrite"]):  # the photos themselves never
        assert "new files" in refused(capsys, "translate", run, tmp_path / "in", "--out", tmp_path / "in", *more)
    photo(tmp_path / "out" / "a.png", 8, 8)
    assert "--overwrite" in refused(capsys, "translate", run, tmp_path / "in", "--out", tmp_path / "out")
    assert (
        command(capsys, "translate", run, tmp_path / "in" / "a.png", "--out", tmp_path / "out", "--overwrite")[0] == 0
    )
    assert (tmp_path / "in" / "a.png").read_bytes() == before


def test_one_picture_becomes_the_file_that_is_named(run, tmp_path, capsys):
    photo(tmp_path / "in" / "a.png", 8, 8)
    one, out = tmp_path / "in" / "a.png", tmp_path / "one b.png"
    assert command(capsys, "translate", run, one, "--out", out)[0] == 0
    assert Image.open(out).size == (8, 8)
    assert "--overwrite" in refused(capsys, "translate", run, one, "--out", out)
    assert "PNG files" in refused(capsys, "translate", run, one, "--out", tmp_path / "one.jpg")
    photo(tmp_path / "in" / "b.png", 8, 8)
    assert "for 2 pictures" in refused(capsys, "translate", run, tmp_path / "in", "--out", tmp_path / "two.png")
    assert not (tmp_path / "two.png").exists()


def test_translations_can_be_translated_again_and_none_is_lost_by_its_name(run, tmp_path, capsys):
    names = ("a.jpg", "a.png", "a.jpg.bmp")
    for name in names:
        photo(tmp_path / "in" / name, 8, 8)
    assert command(capsys, "translate", run, tmp_path / "in", "--out", tmp_path / "once")[0] == 0
    written = sorted(path.name for path in (tmp_path / "once").iterdir())
    assert written == sorted(f"{name}.png" for name in names)
    assert command(capsys, "translate", run, tmp_path / "once", "--out", tmp_path / "twice")[0] == 0
    assert len(list((tmp_path / "twice").iterdir())) == 3


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("RESOURCE_EXHAUSTED: 5 GB")])
def test_a_photo_too_large_for_the_memory_is_named_and_left_out(run, tmp_path, capsys, monkeypatch, error):
    photo(tmp_path / "in" / "a.png", 8, 8)
    photo(tmp_path / "in" / "large.png", 16, 16)
    usual = kerasgan.GAN.translate

    def fails(gan, images, **options):
        if images.shape[1] == 16:
            raise error
        return usual(gan, images, **options)

    monkeypatch.setattr(kerasgan.GAN, "translate", fails)
    with pytest.warns(UserWarning, match=r"Skipped 1 of 2 .* large\.png. The first: too large for the memory"):
        assert command(capsys, "translate", run, tmp_path / "in", "--out", tmp_path / "out")[0] == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


def test_what_is_seen_of_a_picture_stays_as_it_is(tmp_path, capsys):
    condition = kerasgan.conditions.Image((16, 16, 4))
    gan = kerasgan.GAN(
        *networks.pix2pix((16, 16, 3), width=2, depth=2, condition=condition), latent_dim=0, condition=condition
    )
    run = finished(tmp_path / "run", gan, condition_from="mask")
    pixels = RANDOM.integers(256, size=(8, 12, 4), dtype="uint8")
    pixels[..., 3] = 255
    (tmp_path / "in").mkdir()
    Image.fromarray(pixels).save(tmp_path / "in" / "whole.png")
    pixels[2:5, 3:7, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "in" / "hole.png")
    with pytest.warns(UserWarning, match=r"Skipped 1 of 2 .* whole\.png. The first: .*nothing is hidden"):
        assert command(capsys, "translate", run, tmp_path / "in", "--out", tmp_path / "out")[0] == 0
    made = np.asarray(Image.open(tmp_path / "out" / "hole.png"))
    hidden = pixels[..., 3] == 0
    assert np.array_equal(made[~hidden], pixels[..., :3][~hidden])
    assert (made[hidden] != pixels[..., :3][hidden]).any()


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_input_half_of_a_picture_of_two(tmp_path, capsys, side):
    run = finished(tmp_path / "run", unet_gan(), input_side=side)
    pixels = photo(tmp_path / "in" / "a.png", 8, 24)
    half = pixels[:, :12] if side == "left" else pixels[:, 12:]
    Image.fromarray(half).save(tmp_path / "half.png")
    out = tmp_path / "half-out.png"
    assert command(capsys, "translate", run, tmp_path / "in", "--out", tmp_path / "out", "--from-photos")[0] == 0
    assert command(capsys, "translate", run, tmp_path / "half.png", "--out", out)[0] == 0
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "a.png")), np.asarray(Image.open(out)))


def test_both_directions(tmp_path, capsys):
    gan = translators.cycle_gan()
    run = finished(tmp_path / "run", gan, network="translator", domain_b="digits")
    pixels = photo(tmp_path / "a.png", 8, 8)
    for to in ("a", "b"):
        assert command(capsys, "translate", run, tmp_path / "a.png", "--out", tmp_path / to, "--to", to)[0] == 0
        expected = gan.translate(pixels[None, :, :, None].astype("float32") / 127.5 - 1, to=to)
        assert np.array_equal(
            np.asarray(Image.open(tmp_path / to / "a.png")), kerasgan.pictures.to_uint8(expected)[0, ..., 0]
        )


def test_runs_that_do_not_translate_or_have_no_latents(run, tmp_path, capsys):
    photo(tmp_path / "a.png", 8, 8)
    plain = kerasgan.GAN(*networks.mlp((8, 8, 1), 2, width=4), latent_dim=2)
    drawing = finished(tmp_path / "plain", plain, network="mlp")
    out = ("--out", tmp_path / "out")
    assert "Only a run from image to image translates" in refused(
        capsys, "translate", drawing, tmp_path / "a.png", *out
    )
    assert "--to b. Leave it out" in refused(capsys, "translate", run, tmp_path / "a.png", *out, "--to", "b")
    assert "--condition-from" in refused(capsys, "translate", run, tmp_path / "a.png", *out, "--from-photos")
    for name in ("walk", "directions"):
        assert "kerasgan translate" in refused(capsys, name, run)


def test_a_photo_that_no_size_fits_is_named(tmp_path, capsys):
    run = finished(tmp_path / "run", translators.pix2pix(), network="translator")
    photo(tmp_path / "a.png", 9, 8)
    assert "takes no image of 9x8" in refused(capsys, "translate", run, tmp_path / "a.png", "--out", tmp_path / "out")


def test_inputs_are_made_of_photos(tmp_path):
    """Small photos are enlarged; with --from-photos they are made small first, and what is transparent is hidden."""
    photo(tmp_path / "a.png", 8, 12, "RGB")
    pixels = np.asarray(Image.open(tmp_path / "a.png"))
    network = networks.unet((16, 16, 3), kerasgan.conditions.Image((16, 16, 3)), width=2, depth=2)
    enlarged, size = translate._Inputs(network, "small", None, False, 0).of(tmp_path / "a.png", 0)
    assert size == (32, 48) and np.allclose(enlarged[::4, ::4], pixels / 127.5 - 1, atol=1e-6)
    made, size = translate._Inputs(network, "small", None, True, 0).of(tmp_path / "a.png", 0)
    assert size == (8, 12) and np.allclose(made[0, 0], np.round(pixels[:4, :4].mean((0, 1))) / 127.5 - 1, atol=1e-6)
    photo(tmp_path / "b.png", 8, 8, "RGBA")
    hidden = np.asarray(Image.open(tmp_path / "b.png"))[..., 3] < 128
    network = networks.unet((16, 16, 3), kerasgan.conditions.Image((16, 16, 4)), width=2, depth=2)
    masked, _ = translate._Inputs(network, "mask", None, False, 0).of(tmp_path / "b.png", 0)
    assert np.array_equal(masked[..., 3] == 1, hidden) and np.allclose(
        masked[hidden][:, :3], 128 / 127.5 - 1, atol=1e-6
    )


# -- what a training is asked for --


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        (["{a}", "--condition-from", "edges"], {"condition_from": "edges", "network": "pix2pix"}),
        (["--pairs", "{a}", "{b}"], {"targets": "{b}", "network": "pix2pix", "reconstruction": "l1"}),
        (["{a}", "--pairs-side-by-side", "right"], {"input_side": "right"}),
        (["--domains", "{a}", "{b}", "--image-size", "12x16"], {"domain_b": "{b}", "image_size": [12, 16]}),
        (["{a}", "--conditions", "{a}/t.csv"], {"conditions": "{a}/t.csv", "network": "resnext"}),
    ],
)
def test_settings_of_a_training(tmp_path, monkeypatch, capsys, arguments, fields):
    """The plan has the folders, absolute, and all that a resumed run needs; written and read it is the same."""
    folders = {name: str(tmp_path / name) for name in "ab"}
    for folder in folders.values():
        photo(tmp_path / folder / "x.png", 16, 16)
    planned = []
    monkeypatch.setattr("kerasgan.runs.training.train", lambda plan, *_: planned.append(plan))
    assert command(capsys, "train", *(each.format(**folders) for each in arguments))[0] == 0
    written = json.loads(json.dumps(planned[0], default=vars))
    expected = {name: value.format(**folders) if isinstance(value, str) else value for name, value in fields.items()}
    assert expected.items() <= written["recipe"].items() and written["recipe"]["source"] == folders["a"]
    assert plans.make_plan(written, {}, None, False).recipe == planned[0].recipe
    assert recipes.get("cyclegan").pool_images == 50


def test_bad_input_is_one_line_before_training(tmp_path, capsys):
    a, b, empty = (tmp_path / name for name in ("a", "b", "empty"))
    photo(a / "x.png", 16, 16), photo(b / "y.png", 16, 16), empty.mkdir()
    log = ("--log-dir", tmp_path / "logs")
    assert "share none" in refused(capsys, "train", "--pairs", a, b, *log)
    assert "Domain b" in refused(capsys, "train", "--domains", a, empty, "--batch-size", 1, *log)
    assert "one kind of condition" in refused(capsys, "train", a, "--condition-from", "gray", "--domains", a, b, *log)
    assert "names both folders" in refused(capsys, "train", a, "--domains", a, b, *log)
    assert "'cycle' must be" in refused(capsys, "train", "--domains", a, b, "--set", "cycle=-1", *log)
    sizes = ("train", a, "--condition-from", "edges", "--batch-size", 1, "--image-size", 30, *log)
    assert "30" in refused(capsys, *sizes)
    assert "--pairs INPUTS TARGETS" in refused(capsys, "train", "pix2pix", *log)
    assert "48x96" in refused(capsys, "train", a, "--image-size", "48x", *log)
    assert "makes images of images" in refused(capsys, "train", "digits", "--set", "network=pix2pix", *log)
    assert not (tmp_path / "logs").exists()
