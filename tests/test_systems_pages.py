"""Pages of published projects: what their tables say to type is what was measured."""

import re
from pathlib import Path

import pytest
import torch

import skfashion
from benchmarks import recipes, results, rivals
from benchmarks.models import parameters

FOLDER = Path(__file__).absolute().parents[1] / "docs" / "systems"
PAGES = sorted(path.stem for path in FOLDER.glob("*.md"))
SYSTEMS = {
    "mlp": ["mlp-simple", "mlp-deeper", "mlp-wider"],
    "keras": ["mlp-keras"],
    "tuned": ["mlp-tuned"],
    "fashionnet": ["fashionnet"],
    "fashioncnn": ["fashioncnn"],
}
PUBLIC = {name: getattr(skfashion, name) for name in skfashion.__all__}
CLASSIFIERS = [value for name, value in PUBLIC.items() if name.endswith("Classifier")]


def codes(page):
    """Return the inline code of a page's tables."""
    text = (FOLDER / f"{page}.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [code for row in rows for code in re.findall(r"`([^`]+)`", row)]


def calls(page):
    """Return what the constructor calls of a page's tables make."""
    return [eval(code, dict(PUBLIC)) for code in codes(page) if code.split("(")[0] in PUBLIC]


def described(estimator):
    return type(estimator).__name__, results.without_seeds(parameters(estimator))


def as_published(name):
    """Return a classifier of ours with the architecture and the training of a published recipe."""
    entry, rival = recipes.REFERENCES[name], rivals.build(name, 0)
    training = {
        "optimizer": "adam",
        "weight_decay": 0,
        "lr": rival.lr,
        "batch_size": rival.batch_size,
        "max_epochs": rival.n_epochs,
        "lr_schedule": "constant",
    }
    if rival.step_size is not None:
        training |= {"lr_schedule": "step", "step_size": rival.step_size, "gamma": 0.1}
    shares = [layer.p for layer in rival.layers() if isinstance(layer, torch.nn.Dropout)]
    training |= dict(zip(("conv_dropout", "dropout"), shares, strict=False))
    return PUBLIC[entry.classifier](**entry.architecture, **training)


def test_every_system_has_a_page():
    assert {*SYSTEMS, "index"} == set(PAGES)
    assert {name for names in SYSTEMS.values() for name in names} == set(recipes.REFERENCES)


@pytest.mark.parametrize("page", SYSTEMS)
def test_calls_are_the_recipes_that_were_measured(page):
    found = [described(call) for call in calls(page)]
    for name in SYSTEMS[page]:
        entry = recipes.REFERENCES[name]
        assert described(recipes.build(entry.classifier, entry.parameters, None)) in found, name
        if name in rivals.RECIPES:
            assert described(as_published(name)) in found, name


@pytest.mark.parametrize("page", PAGES)
def test_parameters_exist_and_their_values_are_valid(page):
    for call in calls(page):
        if isinstance(call, tuple(CLASSIFIERS)):
            call._validate_params()
    for code in codes(page):
        if re.match(r"\w+=", code):
            values = eval(f"dict({code})", {"torch": torch, **PUBLIC})
            known = [cls for cls in CLASSIFIERS if set(values) <= set(cls().get_params())]
            assert known, code
            known[0](**values)._validate_params()
