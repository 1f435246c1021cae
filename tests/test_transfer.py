"""Beginning with the weights of another net."""

from pathlib import Path

import numpy as np
import pytest
import torch
from common import small, weights_of
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skfashion import ConvNetClassifier, MLPNetClassifier

STILL = {"lr": 1e-30, "max_epochs": 1, "weight_decay": 0.0}


def features_of(net):
    state = net.net_.module_.state_dict()
    return {k: v for k, v in state.items() if k.startswith("features") and "running" not in k}


def test_a_fit_begins_with_frozen_weights(estimator_class, digits):
    X, y = digits
    before = small(estimator_class).fit(X, y)
    net = small(estimator_class, init_from=FrozenEstimator(before), random_state=7, **STILL)
    net.fit(X, y)
    for name, tensor in features_of(before).items():
        if "tracked" not in name:
            torch.testing.assert_close(features_of(net)[name], tensor, msg=name)
    module, source = net.net_.module_, before.net_.module_
    assert torch.equal(module.head.weight, source.head.weight)
    assert torch.equal(module.standardize.mean, source.standardize.mean)


def test_a_head_for_other_labels_begins_at_random(estimator_class, digits):
    X, y = digits
    before = small(estimator_class).fit(X, y)
    net = small(estimator_class, init_from=FrozenEstimator(before), **STILL).fit(X, y + 1)
    assert not torch.equal(net.net_.module_.head.weight, before.net_.module_.head.weight)
    net = small(estimator_class, init_from=FrozenEstimator(before), **STILL).fit(X, y % 3)
    assert net.net_.module_.head.out_features == 3
    for name, tensor in features_of(before).items():
        if "tracked" not in name:
            torch.testing.assert_close(features_of(net)[name], tensor, msg=name)


def test_weights_from_a_file(digits, tmp_path):
    X, y = digits
    before = small(ConvNetClassifier).fit(X, y)
    path = tmp_path / "weights.pt"
    before.net_.save_params(f_params=path)
    net = small(ConvNetClassifier, init_from=path).fit(X, y)
    same = small(ConvNetClassifier, init_from=FrozenEstimator(before)).fit(X, y)
    np.testing.assert_array_equal(weights_of(net), weights_of(same))
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[content.index(before.net_.module_.head.bias.detach().numpy().tobytes())] ^= 1
    (tmp_path / "flipped.pt").write_bytes(flipped)
    (tmp_path / "cut.pt").write_bytes(content[:-1])
    (tmp_path / "empty.pt").write_bytes(b"")
    sparse = {name: tensor.to_sparse() for name, tensor in torch.load(path).items()}
    torch.save(sparse, tmp_path / "sparse.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    (tmp_path / "text.pt").write_text("weights")
    for name, error, match in (
        ("list.pt", ValueError, "holds a list, expected weights by name"),
        ("text.pt", ValueError, "which is no file of weights"),
        ("flipped.pt", ValueError, "flipped.pt', .* or a damaged one .the checksum of"),
        ("cut.pt", ValueError, "cut.pt', .* or a damaged one"),
        ("empty.pt", ValueError, "empty.pt', which is empty"),
        ("sparse.pt", ValueError, "sparse.pt', which holds a dict, expected weights by name"),
        ("missing.pt", OSError, "missing.pt"),
    ):
        with pytest.raises(error, match=match):
            small(ConvNetClassifier, init_from=str(tmp_path / name)).fit(X, y)


def test_frozen_weights_survive_a_search(digits):
    X, y = digits
    before = small(MLPNetClassifier, max_epochs=20).fit(X, y)
    net = small(MLPNetClassifier, init_from=FrozenEstimator(before), max_epochs=1)
    search = GridSearchCV(net, {"lr": [1e-30, 1e-4]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.95
    cold = GridSearchCV(small(MLPNetClassifier, max_epochs=1), {"lr": [1e-30]}, cv=2).fit(X, y)
    assert cold.best_score_ < 0.5


def test_what_cannot_be_begun_with_is_refused(digits):
    X, y = digits
    fitted = small(MLPNetClassifier).fit(X, y)

    def begin(source, **params):
        return small(MLPNetClassifier, init_from=source, **params).fit(X, y)

    with pytest.raises(ValueError, match=r"Use\s+init_from=sklearn.frozen.FrozenEstimator\(net\)"):
        begin(fitted)
    with pytest.raises(ValueError, match="expected a fitted classifier of this package"):
        begin(FrozenEstimator(LogisticRegression().fit(X, y)))
    with pytest.raises(ValueError, match="expected a fitted classifier of this package"):
        begin(FrozenEstimator(make_pipeline(fitted)))
    with pytest.raises(ValueError, match="expected a fitted classifier of this package"):
        begin(FrozenEstimator(small(MLPNetClassifier)))
    with pytest.raises(ValueError, match=r"another architecture \(.*\(16, 64\) there, \(9, 64\)"):
        begin(FrozenEstimator(fitted), hidden_layer_sizes=(9,))
    with pytest.raises(ValueError, match="another architecture"):
        begin(FrozenEstimator(fitted), hidden_layer_sizes=(16, 16))
    with pytest.raises(ValueError, match="another architecture"):
        small(ConvNetClassifier, init_from=FrozenEstimator(fitted)).fit(X, y)
    with pytest.raises(ValueError, match="Got standardize=False with init_from, expected True"):
        begin(FrozenEstimator(fitted), standardize=False)


def test_a_warm_start_goes_on_from_its_own_weights(digits):
    X, y = digits
    before = small(MLPNetClassifier).fit(X, y)
    net = small(MLPNetClassifier, init_from=FrozenEstimator(before), warm_start=True).fit(X, y)
    weight = net.net_.module_.head.weight.detach().clone()
    assert not torch.equal(weight, before.net_.module_.head.weight)
    net.set_params(**STILL).fit(X, y)
    assert torch.equal(net.net_.module_.head.weight, weight)


def test_a_file_is_read_once(digits, tmp_path, monkeypatch):
    path, paths = tmp_path / "weights.pt", []
    small(MLPNetClassifier).fit(*digits).net_.save_params(f_params=path)

    def load(stream, *args, load=torch.load, **kwargs):
        paths.append(Path(stream.name))
        return load(stream, *args, **kwargs)

    monkeypatch.setattr(torch, "load", load)
    small(MLPNetClassifier, init_from=path, max_epochs=1).fit(*digits)
    assert paths == [path]
