"""Nets trained on clean images, for disturbed ones that have no labels."""

import warnings

import numpy as np

from benchmarks.labels_tasks import classifier


def adapt(name, seed, settings, X, X_valid, y, y_valid):
    """Measure a net on disturbed images, as it is and adapted to others of the same disturbance.

    Parameters
    ----------
    name, seed, settings
        See ``benchmarks.labels.measure``.
    X, X_valid, y, y_valid : ndarrays
        Half of the validation images adapt, without their labels; the others measure.

    Yields
    ------
    dict
        ``kind`` is a disturbance with its severity, or "none".
    """
    from skfashion.adaptation import adapt_batch_norm
    from skfashion.datasets import make_corrupted

    net = classifier(name, seed, **({"batch_norm": True} if name == "MLP" else {})).fit(X, y)
    half, n_few = len(y_valid) // 2, settings["few_rows"]
    for kind, severity in [("none", None), *settings["disturbances"]]:
        given = X_valid if severity is None else make_corrupted(X_valid, kind, severity)
        unlabelled, asked, labels = given[:half], given[half:], y_valid[half:]
        ways = {
            "as it is": lambda asked, _: net.predict(asked),
            "adapt_batch_norm": lambda asked, new: adapt_batch_norm(net, new).predict(asked),
            f"adapt_batch_norm, {n_few} images": lambda asked, new: adapt_batch_norm(
                net, new[:n_few]
            ).predict(asked),
            f"the same with n_source={n_few}": lambda asked, new: adapt_batch_norm(
                net, new[:n_few], n_source=n_few
            ).predict(asked),
        }
        if name == "CNN":
            n = settings["mapped_rows"]
            ways |= _of_features(net, X[:n], y[:n], n)
        for way, predict in ways.items():
            accuracy = float(np.mean(predict(asked, unlabelled) == labels))
            yield {
                "task": "adaptation",
                "method": way,
                "kind": kind if severity is None else f"{kind} {severity}",
                "accuracy": round(accuracy, 6),
            }


def _of_features(net, X, y, n):
    """Return classifiers of features: one that is not adapted, and skada's, where it is there."""
    import sklearn
    from sklearn.linear_model import LogisticRegression

    source = net.transform(X)

    def plain(asked, unlabelled):
        model = LogisticRegression(max_iter=1000).fit(source, y)
        return model.predict(net.transform(asked))

    def mapped(adapter):
        def predict(asked, unlabelled):
            from skada import make_da_pipeline

            target = net.transform(unlabelled[:n])
            model = make_da_pipeline(adapter, LogisticRegression(max_iter=1000))
            with sklearn.config_context(enable_metadata_routing=True):
                model.fit(
                    np.concatenate([source, target]),
                    # skada's marks: no label, and the domains' signs.
                    np.concatenate([y, np.full(len(target), -1)]),
                    sample_domain=np.repeat([1, -2], [len(source), len(target)]),
                )
                return model.predict(net.transform(asked))

        return predict

    ways = {"logistic regression of features": plain}
    return ways | {f"skada: {name}": mapped(adapter) for name, adapter in _adapters().items()}


def _adapters():
    """Return skada's adapters by name; none where it is not installed."""
    import sklearn

    before = sklearn.get_config()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import skada
    except ImportError:
        return {}
    finally:
        sklearn.set_config(**before)
    return {
        "CORAL": skada.CORALAdapter(),
        "linear optimal transport": skada.LinearOTMappingAdapter(reg=1e-3),
        "optimal transport": skada.OTMappingAdapter(),
        "subspace alignment": skada.SubspaceAlignmentAdapter(n_components=30),
    }
