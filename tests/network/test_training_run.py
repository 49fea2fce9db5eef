"""A run writes a complete model or nothing, reproducibly, with correct metrics."""

import json
import re

import pytest
import torch

from lst_raster.errors import CancelledError, ConfigError, InputNotFoundError, OutputError
from lst_raster.inference.model import Model
from lst_raster.network.train import FILES, train_model
from lst_raster.profiles.sampling import CONDITIONS
from lst_raster.profiles.simulated_set import read_simulated
from lst_raster.validation.evaluate import evaluate
from tests.support.simulated_sets import make_simulated_set
from tests.support.training_runs import write_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("training"),
]  # one process, for what they share takes long to make


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Configuration, output folder and metrics of a finished run."""
    folder = tmp_path_factory.mktemp("run")
    config = write_run(folder)
    return config, folder / "model", train_model(config, folder / "model")


@pytest.fixture
def threads():
    """Set the number of torch's threads; afterwards it is what it was."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_a_run_writes_the_model_and_its_records(run):
    config, output, metrics = run
    assert sorted(path.name for path in output.iterdir()) == sorted(FILES)
    assert (output / "train.toml").read_bytes() == config.read_bytes()
    assert json.loads((output / "metrics.json").read_text()) == metrics
    assert Model.load(output).metadata["metrics"] == metrics


def test_a_few_hundred_steps_learn_the_made_up_columns(run):
    result = run[2]["Other columns"]
    assert result["exact"]["lst"]["all"]["rmse"] < 1.0
    assert result["exact"]["lst"]["all"]["missing"] == 0
    assert result["atmosphere"]["transmittance"]["rmse"] < 0.03
    assert [name for name in result if name in CONDITIONS] == list(CONDITIONS)
    for condition in CONDITIONS:
        assert 0.45 < result[condition]["coverage"]["all"] < 0.95, condition
    by_inputs = [result[name]["lst"]["all"]["rmse"] for name in ("exact", "noisy", "nothing")]
    assert by_inputs == sorted(by_inputs)


@pytest.mark.parametrize("tier", ["surface", "profile"])
def test_the_same_file_gives_the_same_metrics_with_any_number_of_threads(tmp_path, tier, threads):
    config = write_run(tmp_path, tier=tier, steps=30, share=0.1)
    found = []
    for number in (1, 2):
        threads(number)
        found.append(train_model(config, tmp_path / str(number))["Other columns"]["noisy"]["lst"])
    first, second = found
    for name, summary in first.items():
        assert second[name] == pytest.approx(summary, abs=0.01, nan_ok=True)


def test_another_seed_gives_another_model(tmp_path):
    config = write_run(tmp_path, steps=20, share=0.1)
    other = tmp_path / "other.toml"
    other.write_text(config.read_text().replace("seed = 3", "seed = 4"))
    assert train_model(config, tmp_path / "one") != train_model(other, tmp_path / "two")


def test_training_and_evaluation_give_the_same_numbers(run):
    config, output, metrics = run
    evaluation = evaluate(Model.load(output), read_simulated(config.parent / "held_out.nc"))
    for name, summary in evaluation.methods["landsat8-b10/surface"].items():
        expected = metrics["Other columns"]["exact"]["lst"][name]
        assert summary.samples == expected["samples"]
        assert summary.rmse == pytest.approx(expected["rmse"], abs=1e-4, nan_ok=True)


def test_the_card_shows_the_measured_numbers_and_the_limits(run):
    _, output, metrics = run
    card = (output / "MODEL_CARD.md").read_text()
    result = metrics["Other columns"]["exact"]
    figures = " / ".join(f"{result['lst']['all'][name]:.2f}" for name in ("rmse", "bias", "mae"))
    row = f"| all | 6000 | {figures} / {100.0 * result['coverage']['all']:.0f} | "
    assert row in card.split("### Other columns: 300 profiles")[1]
    for part in ("# landsat8-b10/surface", "`air_temperature` | K | ", "## Limits", "clear sky", "800 simulated"):
        assert part in card
    assert "{" not in card
    assert max(len(line) for line in card.splitlines() if not line.startswith("|")) <= 120  # tables cannot wrap


def test_the_model_names_its_data_and_versions_but_no_folder(run):
    _, output, _ = run
    training = Model.load(output).metadata["training"]
    assert training["profiles"] == 800
    assert [one["file"] for one in training["simulated_sets"]] == ["learn.nc"]
    assert training["config"]["optimiser"]["steps"] == 300
    assert set(training["versions"]) >= {"torch", "onnx", "numpy", "python", "lst_raster"}
    for name in FILES:
        assert not re.search(rb"/home/|/tmp/|/work/|[A-Z]:\\", (output / name).read_bytes()), name


def test_data_may_lie_in_another_folder(tmp_path):
    config = write_run(tmp_path, steps=3, share=0.1)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("learn.nc", "held_out.nc"):
        (tmp_path / name).rename(moved / name)
    with pytest.raises(InputNotFoundError, match=r"learn\.nc"):
        train_model(config, tmp_path / "model")
    train_model(config, tmp_path / "model", data=moved)
    assert (tmp_path / "model" / "model.onnx").is_file()


def left_over(folder):
    """Everything in a folder except the inputs."""
    return {path.name for path in folder.iterdir()} - {"learn.nc", "held_out.nc", "surface.toml"}


def test_an_existing_model_is_kept_without_overwrite(tmp_path):
    config = write_run(tmp_path, steps=2, share=0.1)
    output = tmp_path / "model"
    output.mkdir()
    (output / "MODEL_CARD.md").write_text("mine")
    (output / "notes.txt").write_text("mine too")
    with pytest.raises(OutputError, match=r"MODEL_CARD\.md already; pass --overwrite"):
        train_model(config, output)
    assert (output / "MODEL_CARD.md").read_text() == "mine"
    train_model(config, output, overwrite=True)
    assert (output / "MODEL_CARD.md").read_text() != "mine"
    assert (output / "notes.txt").read_text() == "mine too"
    assert left_over(tmp_path) == {"model"}


def test_a_stopped_run_leaves_nothing_behind(tmp_path):
    config = write_run(tmp_path, steps=50, share=0.1)
    with pytest.raises(CancelledError):
        train_model(config, tmp_path / "model", progress=lambda done, total: done < 5)
    assert left_over(tmp_path) == set()


def test_an_output_that_is_a_file_is_refused_before_the_training(tmp_path):
    config = write_run(tmp_path, steps=2, share=0.1)
    (tmp_path / "model").write_text("")
    with pytest.raises(OutputError, match="give a folder"):
        train_model(config, tmp_path / "model", progress=lambda done, total: pytest.fail("trained"))


def test_an_unwritable_place_is_refused_before_the_training(tmp_path):
    config = write_run(tmp_path, steps=2, share=0.1)
    (tmp_path / "wall").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        train_model(config, tmp_path / "wall" / "model", progress=lambda done, total: pytest.fail("trained"))


def test_a_set_of_another_sensor_is_refused(tmp_path):
    config = write_run(tmp_path)
    make_simulated_set(tmp_path / "held_out.nc", profiles=10, sensor="landsat7-b6")
    with pytest.raises(ConfigError, match=r"held_out\.nc is simulated for landsat7-b6, the model is for landsat8-b10"):
        train_model(config, tmp_path / "model")


def test_the_command_trains_and_prints_the_metrics(tmp_path, command):
    config = write_run(tmp_path, steps=5)
    code, out, err = command("train", config, "-o", tmp_path / "model", "--quiet")
    assert (code, err) == (0, [])
    number = r"[+-]?\d+\.\d\d"
    errors = f"RMSE {number} K with exact and {number} K with noisy inputs, bias {number} and {number} K"
    for line, title in zip(out, ("cross-validation", "Other columns"), strict=False):
        assert re.fullmatch(f"{title}: {errors}, {800 if title == 'cross-validation' else 300} profiles", line)
    assert (tmp_path / "model" / "model.onnx").is_file()


def test_the_command_says_in_one_line_what_is_wrong(tmp_path, command):
    config = write_run(tmp_path, extra="[losses]\nlst = 1.0\n")
    code, out, err = command("train", config, "-o", tmp_path / "model")
    assert (code, out, len(err)) == (1, [], 1)
    assert "unknown key 'losses'" in err[0]
    assert left_over(tmp_path) == set()
