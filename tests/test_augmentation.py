"""Changed training images, averaged weights and views, and what else is done in a step."""

import numpy as np
import pytest
import torch
from common import small, weights_of
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from skfashion import Augmentation, ConvNetClassifier, MLPNetClassifier
from skfashion.fitting.building import make_augmenter
from skfashion.parameters.augmentation import RECIPES
from skfashion.training.inference import averaged_over_views
from skfashion.training.muon import MuonAdamW, orthogonalized


def augmenter(shape=(1, 8, 8), **params):
    return make_augmenter(Augmentation(**params), shape, torch.float32)


def changed(images, epoch=1, seed=0, **params):
    rows = torch.arange(len(images))
    function = augmenter(tuple(images.shape[1:]), **params)
    return function(images, rows, epoch, torch.Generator().manual_seed(seed))


def pictures(n=64, c=1, h=8, w=8, dtype=torch.float32):
    values = torch.randint(0, 256, (n, c, h, w), generator=torch.Generator().manual_seed(1))
    return values.to(dtype)


def test_flips_mirror_half_of_the_images():
    images = pictures(400, dtype=torch.uint8)
    found = changed(images, flip=True)
    assert found.dtype is torch.uint8
    mirrored = (found == images.flip(3)).flatten(1).all(1)
    same = (found == images).flatten(1).all(1)
    assert (mirrored ^ same).all()
    assert 140 < mirrored.sum() < 260
    assert not torch.equal(changed(images, flip=True, seed=1), found)


def test_alternating_flips_show_each_side_every_second_epoch():
    images = pictures(400)
    one, two, three = (changed(images, epoch=e, flip="alternate") for e in (1, 2, 3))
    assert torch.equal(one, two.flip(3))
    assert torch.equal(one, three)
    assert not torch.equal(changed(images, flip="alternate", seed=1), one)
    assert 140 < (one == images).flatten(1).all(1).sum() < 260


def test_shifts_move_and_continue_the_edge():
    images = pictures(300, c=3)
    found = changed(images, shift=2)
    seen = set()
    for before, after in zip(images, found, strict=True):
        padded = torch.nn.functional.pad(before[None], (2, 2, 2, 2), mode="replicate")[0]
        places = {
            (y, x)
            for y in range(5)
            for x in range(5)
            if torch.equal(padded[:, y : y + 8, x : x + 8], after)
        }
        assert places
        seen |= places
    assert len(seen) == 25


@pytest.mark.parametrize(("h", "w"), [(8, 8), (6, 10)])
def test_geometry_without_an_amount_changes_nothing(h, w):
    images = pictures(h=h, w=w)
    found = changed(images, rotation=1e-6, shear=1e-6)
    torch.testing.assert_close(found, images, atol=0.01, rtol=0)
    # Through the same route, a shift is one of whole pixels.
    moved = changed(images, rotation=1e-6, shift=1)
    assert (moved - images).abs().amax((1, 2, 3)).max() > 1
    inside = moved[:, :, 1:-1, 1:-1]
    options = [
        images[:, :, 1 + y : h - 1 + y, 1 + x : w - 1 + x] for y in (-1, 0, 1) for x in (-1, 0, 1)
    ]
    errors = torch.stack([(inside - o).abs().amax((1, 2, 3)) for o in options]).amin(0)
    assert errors.max() < 0.05


def test_a_turn_is_a_turn_on_images_that_are_not_square():
    # A bar as long as the image is high, lying; turned by 90 degrees it stands.
    image = torch.zeros(1, 1, 9, 21)
    image[:, :, 4, 6:15] = 1
    for seed in range(50):
        function = augmenter((1, 9, 21), rotation=180.0)
        generator = torch.Generator().manual_seed(seed)
        turned = function(image, torch.arange(1), 1, generator)[0, 0]
        rows, columns = torch.nonzero(turned > 0.3, as_tuple=True)
        length = np.hypot(np.ptp(rows.numpy()), np.ptp(columns.numpy()))
        assert 6.5 < length < 10
    # A scale alone keeps the centre and changes the length.
    lengths = [
        (changed(image, seed=seed, scale=0.5)[0, 0, 4] > 0.5).sum().item() for seed in range(50)
    ]
    assert min(lengths) < 7 < 11 < max(lengths)


def test_light_stays_within_the_range_of_each_image():
    images = pictures() + torch.arange(64).view(-1, 1, 1, 1) * 1000.0
    for name, amount in (("brightness", 0.4), ("contrast", 0.4), ("gamma", 2.0)):
        found = changed(images, **{name: amount})
        assert not torch.allclose(found, images)
        assert (found.amax((1, 2, 3)) <= images.amax((1, 2, 3)) + 1e-2).all()
        assert (found.amin((1, 2, 3)) >= images.amin((1, 2, 3)) - 1e-2).all()
        # Brighter stays brighter.
        order = images[0].flatten().argsort()
        assert (found[0].flatten()[order].diff() >= -1e-3).all()
    constant = torch.full((2, 1, 4, 4), 7.0)
    assert changed(constant, gamma=2.0, contrast=0.5).isfinite().all()


def test_erasing_leaves_the_rest_and_is_as_likely_as_asked():
    images = pictures(1000)
    found = changed(images, erase=0.4, erase_area=0.3)
    touched = (found != images).flatten(1)
    share = touched.any(1).float().mean()
    assert 0.33 < share < 0.47
    assert touched.float().mean(1).max() <= 0.45  # sides are rounded to whole pixels
    assert len(found[found != images].unique()) == 1


@given(
    shape=st.tuples(
        st.integers(1, 9), st.sampled_from([1, 3]), st.integers(5, 9), st.integers(5, 9)
    ),
    recipe=st.sampled_from(sorted(RECIPES)),
    integers=st.booleans(),
)
def test_recipes_keep_shapes_and_inputs(shape, recipe, integers):
    images = pictures(*shape, dtype=torch.uint8 if integers else torch.float32)
    before = images.clone()
    function = make_augmenter(recipe, shape[1:], torch.float32)
    found = function(images, torch.arange(shape[0]), 1, torch.Generator().manual_seed(0))
    assert found.shape == images.shape
    assert found.float().isfinite().all()
    assert torch.equal(images, before)


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_mixing_mixes_in_the_stated_share(kind):
    images = pictures(32)
    function = augmenter(**{kind: 1.0})
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        mixed, partners, share = function.mix(images, generator)
        assert 0 <= share <= 1
        assert sorted(partners.tolist()) == list(range(32))
        if kind == "mixup":
            torch.testing.assert_close(mixed, share * images + (1 - share) * images[partners])
            continue
        own = (mixed == images).float().mean((1, 2, 3))
        others = (mixed == images[partners]).float().mean((1, 2, 3))
        assert (own >= share - 1e-6).all()
        assert (others >= 1 - share - 1e-6).all()


@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_of_mixed_images_is_that_of_both_labels(weighted, digits):
    X, y = digits
    weights = np.linspace(0.5, 2, len(y)) if weighted else None
    net = small(MLPNetClassifier, augment=Augmentation(mixup=0.4), batch_norm=False, max_epochs=1)
    net.fit(X, y, sample_weight=weights)
    trainer = net.net_
    from skfashion.training.batches import Batch
    from skfashion.training.steps import Steps

    steps = Steps(trainer.module_, trainer.criterion_)
    logits = torch.randn(4, 10)
    targets, others = torch.tensor([1, 2, 3, 4]), torch.tensor([4, 3, 2, 1])
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0]) if weighted else None
    batch = Batch((None, targets))
    batch.weight = weight
    mixed_in = Batch((None, others))
    mixed_in.weight = None if weight is None else weight.flip(0)
    batch.mixed = mixed_in, 0.3
    logs = -logits.log_softmax(1)
    one, two = logs[range(4), targets], logs[range(4), others]
    w, v = (torch.ones(4),) * 2 if weight is None else (weight, weight.flip(0))
    expected = (0.3 * w * one + 0.7 * v * two).sum() / (0.3 * w + 0.7 * v).sum()
    torch.testing.assert_close(steps._loss(logits, batch), expected)


AUGMENTS = ["flip", "strong", Augmentation(shift=1, mixup=0.3, cutmix=1.0)]


@pytest.mark.parametrize("augment", AUGMENTS, ids=["flip", "strong", "mixing"])
def test_changed_images_are_part_of_the_one_seed(any_class, augment, digits):
    X, y = digits
    net = small(any_class, augment=augment, max_epochs=2).fit(X, y)
    again = small(any_class, augment=augment, max_epochs=2).fit(X.reshape(-1, 8, 8), y)
    np.testing.assert_array_equal(weights_of(net), weights_of(again))
    plain = small(any_class, max_epochs=2).fit(X, y)
    assert not np.array_equal(weights_of(net), weights_of(plain))


@pytest.mark.parametrize("augment", AUGMENTS, ids=["flip", "strong", "mixing"])
def test_nets_learn_from_changed_images(augment, fashion):
    X, y = fashion
    params = {"hidden_layer_sizes": (64,), "max_epochs": 20}
    net = small(MLPNetClassifier, augment=augment, **params).fit(X[:400], y[:400])
    assert net.score(X[400:], y[400:]) > (0.4 if augment == "strong" else 0.65)


def test_a_function_of_the_users_changes_images(digits):
    X, y = digits
    seen = []

    def invert(images, generator):
        seen.append((images.dtype, tuple(images.shape[1:]), generator))
        return 16 - images

    by_hand = small(MLPNetClassifier, standardize=False).fit(16 - X, y)
    net = small(MLPNetClassifier, standardize=False, augment=invert).fit(X, y)
    np.testing.assert_array_equal(weights_of(net), weights_of(by_hand))
    assert seen[0][:2] == (torch.uint8, (1, 8, 8))
    assert isinstance(seen[0][2], torch.Generator)
    with pytest.raises(ValueError, match="from augment, expected a tensor of shape"):
        small(MLPNetClassifier, augment=lambda images, generator: images[:, :, 1:]).fit(X, y)


def test_augmentation_is_searchable(digits):
    X, y = digits
    net = small(MLPNetClassifier, augment=Augmentation())
    search = GridSearchCV(net, {"augment__shift": [0, 1], "augment__flip": [False, True]}, cv=2)
    assert set(search.fit(X, y).best_params_) == {"augment__shift", "augment__flip"}
    search = GridSearchCV(net, {"augment": [None, "flip"], "tta": [None, "flip"]}, cv=2)
    assert search.fit(X, y).best_score_ > 0.3


@pytest.mark.parametrize("tta", ["flip", 3])
def test_geometry_of_a_table_is_refused(tta, digits):
    X, y = digits
    table = X[:, :7]
    for augment in ("flip", "strong", Augmentation(rotation=3.0)):
        with pytest.raises(ValueError, match=r"for a table's rows.*Use augment=None"):
            small(MLPNetClassifier, augment=augment).fit(table, y)
    small(MLPNetClassifier, augment=Augmentation(gamma=1.2, mixup=0.2)).fit(table, y)
    with pytest.raises(ValueError, match=r"Got tta=.*for a table's rows"):
        small(MLPNetClassifier, tta=tta).fit(table, y)
    net = small(MLPNetClassifier).fit(table, y).set_params(tta=tta)
    with pytest.raises(ValueError, match=r"Got tta=.*for a table's rows"):
        net.predict(table)


def test_bad_views_are_refused_after_the_fit_as_well(digits):
    X, y = digits
    net = small(MLPNetClassifier).fit(X, y)
    for bad in (0, 1, 19, "flop", 2.5):
        with pytest.raises(ValueError, match="The 'tta' parameter of MLPNetClassifier must be"):
            net.set_params(tta=bad).predict(X)


def test_accuracy_of_mixed_images_counts_both_labels(digits):
    X, y = digits
    params = {"max_epochs": 20, "hidden_layer_sizes": (64,), "batch_norm": False}
    net = small(MLPNetClassifier, augment=Augmentation(mixup=0.3), **params).fit(X, y)
    assert net.score(X, y) > 0.95
    # Right about the larger share: more than what own labels alone would give on average.
    assert net.history_["train_accuracy"].iloc[-1] > 0.6


def test_a_class_instead_of_an_instance_is_refused(digits):
    with pytest.raises(ValueError, match=r"a class, expected an instance: Augmentation\(\)"):
        small(MLPNetClassifier, augment=Augmentation).fit(*digits)


def test_sharpness_aware_steps_leave_the_statistics_of_batch_norm_alone(digits):
    X, y = digits
    net = small(ConvNetClassifier, sam_rho=0.05, dropout=0.2, max_epochs=2).fit(X, y)
    counters = [v for k, v in net.net_.module_.state_dict().items() if "num_batches" in k]
    n_steps = 2 * net.net_.history[-1, "train_batch_count"]
    assert counters
    assert {int(counter) for counter in counters} == {n_steps}


def test_bad_augmentations_are_refused(digits):
    for bad in ({"flip": "sometimes"}, {"shift": -1}, {"gamma": 0.5}, {"erase_area": 0.0}):
        (name,) = bad
        with pytest.raises(ValueError, match=f"The '{name}' parameter of Augmentation"):
            small(MLPNetClassifier, augment=Augmentation(**bad)).fit(*digits)


def test_views_are_averaged(digits):
    X, y = digits
    net = small(ConvNetClassifier).fit(X, y)
    images = X.reshape(-1, 8, 8)
    plain = net.decision_function(images)
    mirrored = net.decision_function(np.ascontiguousarray(images[:, :, ::-1]))
    net.set_params(tta="flip")
    np.testing.assert_allclose(net.decision_function(images), (plain + mirrored) / 2, atol=1e-5)
    left = np.concatenate([images[:, :, 1:], images[:, :, -1:]], axis=2)
    net.set_params(tta=None)
    third = net.decision_function(left)
    net.set_params(tta=3)
    np.testing.assert_allclose(
        net.decision_function(images), (plain + mirrored + third) / 3, atol=1e-5
    )
    alone = np.concatenate([net.predict_proba(images[i : i + 1]) for i in range(9)])
    np.testing.assert_array_equal(net.predict_proba(images)[:9], alone)
    views = []
    averaged_over_views(lambda x: views.append(x) or torch.zeros(1), 18)(torch.rand(1, 1, 5, 5))
    assert len({view.numpy().tobytes() for view in views}) == 18


def test_averaged_weights_follow_the_formula(digits):
    X, y = digits

    class Record(Callback):
        def initialize(self):
            self.weights = []
            return self

        def on_batch_end(self, net, training, **kwargs):
            if training:
                self.weights.append(
                    torch.cat([p.detach().ravel() for p in net.module_.parameters()])
                )

    params = {"batch_norm": False, "max_epochs": 2}
    start = small(MLPNetClassifier, lr=1e-30, **params).fit(X, y)
    plain = small(MLPNetClassifier, skorch_callbacks=[Record()], **params).fit(X, y)
    net = small(MLPNetClassifier, ema_decay=0.9, **params).fit(X, y)
    average = torch.cat([p.detach().ravel() for p in start.net_.module_.parameters()])
    for step, weights in enumerate(plain.net_.callbacks_[0][1].weights, 1):
        decay = min(0.9, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * weights
    found = torch.cat([p.detach().ravel() for p in net.net_.module_.parameters()])
    torch.testing.assert_close(found, average, atol=1e-5, rtol=1e-4)


def test_averaged_weights_are_validated_and_kept(any_class, digits):
    X, y = digits
    params = {"ema_decay": 0.9, "max_epochs": 6, "scoring": "accuracy"}
    net = small(any_class, **params).fit(X, y, X_val=X, y_val=y)
    assert net.validation_scores_[-1] == net.score(X, y)
    best = small(any_class, early_stopping=True, **params).fit(X, y, X_val=X, y_val=y)
    assert best.best_validation_score_ == best.score(X, y)
    before = weights_of(net)
    net.partial_fit(X, y)
    assert not np.array_equal(weights_of(net), before)


def test_gradients_are_clipped(digits):
    X, y = digits
    params = {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0, "batch_size": 300}
    params |= {"max_epochs": 1, "lr": 1.0, "lr_schedule": "constant", "batch_norm": False}
    start = weights_of(small(MLPNetClassifier, **(params | {"lr": 1e-30})).fit(X, y))
    free = weights_of(small(MLPNetClassifier, **params).fit(X, y)) - start
    clipped = weights_of(small(MLPNetClassifier, max_grad_norm=0.01, **params).fit(X, y)) - start
    assert np.linalg.norm(free) > 0.1
    np.testing.assert_allclose(np.linalg.norm(clipped), 0.01, rtol=1e-3)
    np.testing.assert_allclose(clipped * np.linalg.norm(free) / 0.01, free, atol=1e-4)


def test_a_sharpness_aware_step_takes_the_gradient_uphill(digits):
    X, y = digits
    params = {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0, "batch_size": 300}
    params |= {"lr": 0.5, "lr_schedule": "constant", "batch_norm": False, "max_epochs": 1}
    params |= {"precision": "fp64"}
    net = small(MLPNetClassifier, sam_rho=0.1, **params).fit(X, y)
    start = small(MLPNetClassifier, **(params | {"lr": 1e-300})).fit(X, y)
    module = start.net_.module_.train()

    def gradients():
        module.zero_grad()
        images = torch.tensor(X).view(-1, 1, 8, 8)
        torch.nn.functional.cross_entropy(module(images), torch.tensor(y)).backward()
        return [p.grad.clone() for p in module.parameters()]

    first = gradients()
    norm = torch.cat([g.ravel() for g in first]).norm()
    before = [p.detach().clone() for p in module.parameters()]
    with torch.no_grad():
        for p, g in zip(module.parameters(), first, strict=True):
            p.add_(0.1 * g / norm)
    second = gradients()
    expected = torch.cat([(b - 0.5 * g).ravel() for b, g in zip(before, second, strict=True)])
    found = torch.cat([p.detach().ravel() for p in net.net_.module_.parameters()])
    torch.testing.assert_close(found, expected)
    with pytest.raises(ValueError, match="sam_rho=0.1 with precision='fp16'"):
        small(MLPNetClassifier, sam_rho=0.1, precision="fp16").fit(X, y)


def test_muon_learns_with_every_classifier(estimator_class, digits):
    X, y = digits
    net = small(estimator_class, optimizer="muon", max_epochs=10, lr=0.02, width=16).fit(X, y)
    assert net.score(X, y) > 0.6
    groups = net.net_.optimizer_.param_groups
    found = {id(p) for group in groups if group["orthogonal"] for p in group["params"]}
    assert found == {id(p) for p in net.net_.module_.hidden_matrices()}
    assert id(net.net_.module_.head.weight) not in found
    net.partial_fit(X, y)


@pytest.mark.parametrize("cls", [MLPNetClassifier, ConvNetClassifier])
def test_muon_is_pytorchs(cls, digits):
    """Two steps are PyTorch's, but for its bfloat16; filters are matrices, a row a filter."""
    X, y = digits
    params = {"optimizer": "muon", "batch_size": 300, "max_epochs": 2, "lr_schedule": "constant"}
    params |= {"batch_norm": False, "hidden_layer_sizes": (12, 9), "precision": "fp32"}
    start = small(cls, **(params | {"lr": 1e-30})).fit(X, y)
    net = small(cls, **params).fit(X, y)
    module = start.net_.module_.train()
    images = torch.tensor(X).view(-1, 1, 8, 8)
    hidden = module.hidden_matrices()
    matrices = [torch.nn.Parameter(weight.detach().flatten(1).clone()) for weight in hidden]
    rest = [p for p in module.parameters() if all(p is not h for h in hidden)]
    options = {"lr": 5e-3, "weight_decay": 1e-2}
    muon = torch.optim.Muon(
        matrices, momentum=0.9, nesterov=True, adjust_lr_fn="match_rms_adamw", **options
    )
    adamw = torch.optim.AdamW(rest, **options)
    for _ in range(2):
        module.zero_grad()
        torch.nn.functional.cross_entropy(module(images), torch.tensor(y)).backward()
        for matrix, weight in zip(matrices, hidden, strict=True):
            matrix.grad = weight.grad.flatten(1)
        muon.step()
        adamw.step()
        with torch.no_grad():
            for matrix, weight in zip(matrices, hidden, strict=True):
                weight.copy_(matrix.view(weight.shape))
    for found, expected in zip(net.net_.module_.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(found, expected, atol=4e-4, rtol=2e-2)


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 2**31),
    magnitude=st.floats(-5, 5),
)
def test_steps_of_muon_are_nearly_orthogonal(shape, seed, magnitude):
    """Singular values come near 1, directions stay; a network's scale and shape do not matter."""
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    matrix /= matrix.norm()
    found = orthogonalized(matrix * 10**magnitude).double()
    u, values, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    values = values / values.norm()
    for _ in range(5):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    torch.testing.assert_close(found, u * values @ v, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("shape", [(130, 600), (150, 140)])
def test_large_steps_of_muon_are_those_of_pytorch(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    weight = torch.nn.Parameter(torch.zeros(shape))
    weight.grad = matrix
    torch.optim.Muon([weight], lr=1.0, momentum=0.0, nesterov=False, weight_decay=0.0).step()
    step = -weight.detach() / max(1, shape[0] / shape[1]) ** 0.5
    torch.testing.assert_close(orthogonalized(matrix), step, atol=0.01, rtol=0.05)


def test_muon_counts_its_steps_where_the_weights_are(monkeypatch):
    """Also after a checkpoint, which brings the counts to the CPU."""
    counts = []

    def note(parameters, *others, **options):
        counts.extend(others[3])

    monkeypatch.setattr("skfashion.training.muon.adamw_step_", note)
    bias = torch.nn.Parameter(torch.empty(3, device="meta"))
    bias.grad = torch.empty(3, device="meta")
    optimizer = MuonAdamW([bias])
    optimizer.step()
    state = optimizer.state_dict()
    state["state"][0]["step"] = torch.tensor(7.0)
    optimizer.load_state_dict(state)
    optimizer.step()
    assert [count.device.type for count in counts] == ["meta", "meta"]


def test_a_step_of_muon_without_a_gradient_is_none():
    assert not orthogonalized(torch.zeros(3, 5)).any()
