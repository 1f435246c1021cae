"""The scikit-learn contract of every classifier of the package, once."""

import abc
import math
import os
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, MethodMapping
from sklearn.utils.validation import check_is_fitted

from skfashion.fitting import fit as fitting
from skfashion.fitting.data import read, read_part
from skfashion.fitting.frequencies import Frequencies, wanted_prior
from skfashion.fitting.inputs import (
    as_images,
    as_tensor,
    check_images,
    check_views,
    find_device,
)
from skfashion.fitting.plain import from_plain_fit, with_plain_fit
from skfashion.fitting.saved import write_fit
from skfashion.fitting.shift import ImageStatistics
from skfashion.fitting.watching import Tasks
from skfashion.images import as_rows
from skfashion.monitoring.profile import document_of_profile
from skfashion.nets.network import Network
from skfashion.parameters.declaring import (
    Declared,
    constraints_of,
    estimator,
    with_plain_numbers,
)
from skfashion.parameters.options import TrainingOptions, batch_size_of, number_of_epochs
from skfashion.training import (
    apply_by_rows,
    averaged_over_views,
    beside_others,
    borrowed_threads,
    give_memory_back,
    own_device,
    own_modes,
)
from skfashion.utils._sklearn import (
    check_params,
    fit_context,
    validate_parameter_constraints,
)
from skfashion.utils.callers import warn_the_caller
from skfashion.utils.fitted import fitted_attributes, replace_fitted, snapshot, unfitted
from skfashion.utils.names import advises
from skfashion.utils.versions import PickledWithVersions

ATTRIBUTES_DOC = """\
classes_ : ndarray of shape (n_classes,)
    The labels, sorted, including those whose rows all had weight 0.
n_features_in_ : int
    Number of values of an image, ``h * w * c``.
feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Names of the columns; only if `X` had names that are all strings.
image_shape_ : tuple of int
    Layout of the flat row: ``(h, w)``, ``(c, h, w)`` or ``(h, w, c)``; ``(1, n)`` for a table.
n_iter_ : int
    Number of epochs (passes over the training data) that were run.
history_ : pandas.DataFrame
    One row per epoch: ``epoch``, ``train_loss``, ``train_accuracy``, ``valid_loss`` and
    ``valid_score`` (with validation data), ``lr`` (of the epoch's last step), ``seconds``.
    Losses and scores are weighted; the validation loss has no label smoothing.
loss_curve_ : list of float
    The training loss of each epoch.
validation_scores_ : list of float or None
    The validation score of each epoch, larger is better; None without validation data.
best_validation_score_ : float or None
    The largest validation score.
class_weight_ : ndarray of shape (n_classes,)
    The factor by which the weights of each class's rows were multiplied, in the order of
    `classes_`.
class_count_ : ndarray of shape (n_classes,)
    The rows of each class, counted by their `sample_weight`; of all calls of `partial_fit` so far.
class_prior_ : ndarray of shape (n_classes,)
    Frequencies of the classes: `class_count_` divided by its sum.
effective_class_prior_ : ndarray of shape (n_classes,)
    The frequencies that the net has learned instead, after `sampling`, `class_weight`, `loss` and
    `deferred_reweighting`.
net_ : skorch.NeuralNetClassifier
    The trained net; the PyTorch module is ``net_.module_``."""


class FittedAttributes:
    """The types of what :meth:`ImageClassifier.fit` learns; in a dataclass they would be fields."""

    classes_: np.ndarray
    n_features_in_: int
    feature_names_in_: np.ndarray
    image_shape_: tuple[int, ...]
    class_weight_: np.ndarray
    class_count_: np.ndarray
    class_prior_: np.ndarray
    effective_class_prior_: np.ndarray
    net_: Any
    # What images to predict are compared with; nets of older pickles have none.
    _image_statistics: ImageStatistics | None = None


HISTORY = (
    "epoch",
    "train_loss",
    "train_accuracy",
    "valid_loss",
    "valid_score",
    "lr",
    "seconds",
)


@estimator
class ImageClassifier(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClassifierMixin,
    CallbackSupportMixin,
    TrainingOptions,
    FittedAttributes,
    PickledWithVersions,
    Declared,
    abc.ABC,
):
    """Base class of the image classifiers.

    An abstract class: a final one adds its architecture's parameters, its docstring and
    :meth:`_build_module`.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}
    """

    _attributes_doc = ATTRIBUTES_DOC
    # Groups are for the splitter: whoever routes them asks that, and not the classifier.
    __metadata_request__fit: ClassVar = {"groups": UNUSED}
    # Of the parameters that an architecture adds.
    _default_group = "architecture"
    # Whether columns that are no neighbours mean anything to the network, and so may be sparse.
    _takes_tables = False
    # Whether a network that is built draws its weights by itself, from the process-wide generator.
    _makes_own_draws = False
    # Parameters that a file names and does not hold: whoever loads it gives them.
    _given_to_load = ()
    # Of parameters that came later, what older files mean, which do not name them.
    _before: ClassVar = {}

    def _least_size(self):
        """Return how many tensors and bytes a file has at least; no network is built."""
        return 0, 0

    @abc.abstractmethod
    def _build_module(self, image_shape, n_classes) -> Network:
        """Return the network for images of `image_shape` (c, h, w), its weights not yet drawn."""

    def _normalization(self):
        """Return mean and deviation, of 0 to 1, that weights were trained with; None is unknown.

        A number for each of red, green and blue.
        """
        return None

    def _file_of_weights(self):
        """Return the file that a parameter of the architecture names; None where there is none."""
        return None

    def _warning_of_random_weights(self):
        """Return what to warn of where the network begins with random weights; None is nothing."""
        return None

    @property
    def _parameter_constraints(self):
        return constraints_of(type(self))

    @advises
    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        groups=None,
        soft_targets=None,
    ) -> Self:
        """Train the network.

        A fit that fails, or is interrupted, leaves the estimator as it was.

        Parameters
        ----------
        X : array-like of shape (n, h*w*c), (n, h, w), (n, c, h, w) or (n, h, w, c)
            The images, or a table, of any real dtype. `uint8` stays `uint8` in memory. Sparse rows
            (for `MLPNetClassifier` only) are made dense batch by batch.
        y : array-like of shape (n,)
            Their labels: strings, integers, booleans.
        sample_weight : array-like of shape (n,), default=None
            Weights of the rows, not negative; None means 1. A row of weight 0 has no influence.
        X_val, y_val, sample_weight_val : array-likes, default=None
            Validation data, as `X`, `y` and `sample_weight`. Without `early_stopping` and
            `target_score` its scores are only recorded.
        groups : array-like of shape (n,), default=None
            The group of each row, such as its patient, for the splitter `validation_split`, which
            gets all rows, including those of weight 0. In a search or a pipeline, groups need
            scikit-learn's metadata routing, as they do for a splitter `cv`.
        soft_targets : array-like of shape (n, n_classes), default=None
            Class probabilities of each row, in the order of ``np.unique(y)``, to learn in addition
            to its label: those of another classifier, or the shares of several people's answers.
            `distillation_weight` is their share of the loss. They should assume the class
            frequencies of `y`; if `class_weight`, `sampling` or `loss` make the net learn other
            frequencies, they are adjusted to these. Mixed images get mixed soft targets; rows held
            out for validation are judged by their labels only.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the input is not as described, if columns named as pixels are not in order, or if the
            training diverges: the loss or a weight is no longer finite.
        TypeError
            If `groups` are given with metadata routing, and the splitter has not requested them.

        Warns
        -----
        UserWarning
            If flat rows could be images but are treated as a table, if they are not images but the
            network is convolutional, or if all but a few columns are named as pixels. Setting
            `image_shape` avoids the warning.
        """
        self._train(X, y, sample_weight, X_val, y_val, sample_weight_val, groups, soft_targets)
        return self

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def _fit_until(self, X, y, *, until, paused=None, **fit_params):
        """Train up to epoch `until`; return the `paused` of the next call, None at the end."""
        # For searches that stop and go on. Called again and again with a later epoch and the same
        # parameters and data, it ends with the model that `fit` gives, to the last bit, wherever
        # the calls are made. In between, the model has averaged weights, so that it can be judged
        # in the middle of its schedule. Needs a `random_state` that is an int; `checkpoint_dir` is
        # not used, and a skorch callback whose state no checkpoint can hold is refused.
        return self._train(X, y, until=until, paused=paused, **fit_params)

    def _n_epochs(self, n_rows):
        """Return how many epochs a fit to so many rows has."""
        plain = with_plain_numbers(self)
        return number_of_epochs(plain, math.ceil(n_rows / batch_size_of(plain, n_rows)))

    def _train(
        self,
        X,
        y,
        sample_weight=None,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        groups=None,
        soft_targets=None,
        *,
        until=None,
        paused=None,
    ):
        """Fit, to the end or up to a pause; return what the rest of a paused training needs."""
        tasks = Tasks(self, X, y, sample_weight)
        before = self._to_go_on_from()
        plain = with_plain_numbers(self)
        others = (X_val, y_val, sample_weight_val, groups, soft_targets)
        with (
            own_device(self.device),
            borrowed_threads(self.n_threads),
            beside_others(),
            own_modes(gradients=True),
        ):
            given = read(plain, X, y, sample_weight, *others, before=before)
            estimator_of = partial(plain._estimator_of, given)
            trained = fitting.fit(plain, given, tasks, estimator_of, until=until, paused=paused)
        self._remember(given, trained)
        paused, n_values = trained.paused, given.rows.size
        del given, trained, estimator_of, others
        give_memory_back(n_values)
        return paused

    def _to_go_on_from(self):
        """Return the fit that a warm start goes on from, None where there is none."""
        return snapshot(self) if self.warm_start and hasattr(self, "net_") else None

    def _remember(self, given, trained, *, keeps_others=False):
        """Replace all that was fitted, in one step: nothing else sets a fitted attribute."""
        fitted = {
            "classes_": given.classes,
            "image_shape_": given.image_shape,
            "n_features_in_": given.n_features_in,
            "feature_names_in_": given.feature_names_in,
            "class_count_": trained.frequencies.count,
            "class_prior_": trained.frequencies.prior,
            "class_weight_": trained.frequencies.weight,
            "effective_class_prior_": trained.frequencies.learned,
            "_image_statistics": given.image_statistics,
            "net_": trained.net,
        }
        # None is all that ends with an underscore. A profile is of the weights it was made with.
        own = {*fitted, "profile_"} if keeps_others else None
        if given.feature_names_in is None:
            del fitted["feature_names_in_"]
        replace_fitted(self, fitted, own)
        return self

    def _estimator_of(self, given, trained):
        """Return a fitted estimator for a net in training; it accepts unnamed rows."""
        return unfitted(self)._remember(replace(given, feature_names_in=None), trained)

    def _with_net(self, net, **changes):
        """Return this fitted estimator with another net, and what else changes with it."""
        copied = snapshot(self, net_=net, **changes)
        vars(copied).pop("profile_", None)  # of the weights that it was made with
        return copied

    @advises
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None) -> Self:
        """Train for one pass over the given rows, at the constant learning rate `lr`.

        The optimizer's state is kept in memory between calls, but not in a pickle. The first call
        (or `fit`, if it came first) determines the standardisation statistics, the network and the
        optimizer. Later changes of parameters have no effect, except for `lr`, `batch_size`,
        `class_weight`, `teacher`, `augment`, `n_threads` and `device`. `ema_decay`,
        `checkpoint_dir` and `log_dir` are for `fit` only. A call that fails leaves the estimator as
        it was. The net is changed in place: unlike during `fit`, other threads must not predict
        meanwhile.

        Parameters
        ----------
        X, y : array-likes
            As in :meth:`fit`.
        classes : array-like of shape (n_classes,), default=None
            All labels that can ever occur; required in the first call.
        sample_weight : array-like of shape (n,), default=None
            As in :meth:`fit`.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            As in :meth:`fit`, and if a label is not one of the classes, or with
            ``early_stopping=True``, ``class_weight="balanced"``, `sampling`,
            `deferred_reweighting` or a loss that needs the frequencies of all classes.
        """
        check_params(self)  # the decorator does so before the first call only
        before = snapshot(self) if hasattr(self, "net_") else None
        device = None if before is None else before.net_.device_
        plain = with_plain_numbers(self)
        with (
            own_device(self.device, device),
            borrowed_threads(self.n_threads),
            beside_others(),
            own_modes(gradients=True),
        ):
            given = read_part(plain, X, y, classes, sample_weight, before=before)
            remember = partial(self._remember, given, keeps_others=True)
            fitting.partial_fit(plain, given, remember, self._has_remembered)
        return self

    def _has_remembered(self, trained):
        """Tell whether :meth:`_remember` has taken effect."""
        return getattr(self, "class_count_", None) is trained.frequencies.count

    @advises
    def save(self, path, *, profile=None) -> None:
        """Write the fitted classifier to one file, which :func:`skfashion.load` reads.

        A safetensors file: weights as tensors, all else as JSON in its metadata. It contains no
        code, no data and no optimizer. Parameters that such a file cannot hold, and that only
        training needs (a callable `augment`, `skorch_callbacks`, the net of `init_from`), are left
        out with a warning; the loaded classifier has the defaults.

        Parameters
        ----------
        path : path-like
            The file. An existing file is replaced in one step, or stays as it is if something goes
            wrong.
        profile : ReferenceProfile or mapping, default=None
            Profile of the validation data, from :mod:`skfashion.monitoring`, to store in the file.
            The loaded classifier has it as ``profile_``, a dict that ``DriftMonitor`` accepts. None
            takes the classifier's own ``profile_``, if it was loaded with one and not trained
            since.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the classifier is not fitted.
        ImportError
            If safetensors is not installed: ``pip install -e '.[persistence]'``.
        ValueError
            If the file cannot hold a parameter that predictions need, the network was changed by
            hand, or the profile is not for this classifier's classes.
        OSError
            If the file cannot be written.

        Warns
        -----
        UserWarning
            If parameters are left out; the file names them, too.
        """
        check_is_fitted(self)
        if not isinstance(path, str | os.PathLike):
            raise ValueError(f"Got path={path!r}, expected the path of a file to write.")
        state = self.__getstate__()
        if profile is not None:
            state["profile_"] = document_of_profile(profile)
        left_out = write_fit(path, type(self), state)
        if left_out:
            warn_the_caller(
                f"Got {', '.join(left_out)}, which no file without code can hold; predictions do "
                "not need them, and the classifier that is loaded has the defaults. A pickle holds "
                "them."
            )

    def __getstate__(self):
        return with_plain_fit(type(self), super().__getstate__())

    def __setstate__(self, state):
        super().__setstate__(from_plain_fit(type(self), {**self._before, **state}))

    # No __deepcopy__: a FrozenEstimator hands attributes on, and would be copied without itself.
    def __copy__(self):
        return snapshot(self)

    def predict(self, X) -> np.ndarray:
        """Return the most probable label of each row, in the dtype of the `y` of fit.

        Parameters
        ----------
        X : array-like
            Images in any layout, or rows of a table, that :meth:`fit` accepts.

        Returns
        -------
        ndarray of shape (n,)
            The labels.

        Warns
        -----
        skfashion.exceptions.DataShiftWarning
            If the images have another scale than the training images, or are inverted. The other
            predicting methods warn, too.
        """
        with self._predicting() as fitted:
            codes = fitted._run(X, fitted._logits_of_planes).argmax(1).numpy()
        return fitted.classes_[codes]

    def predict_proba(self, X) -> np.ndarray:
        """Return the probability of each class, float64, each row summing to 1.

        Parameters
        ----------
        X : array-like
            Images in any layout, or rows of a table, that :meth:`fit` accepts.

        Returns
        -------
        ndarray of shape (n, n_classes)
            In the order of `classes_`.
        """
        with self._predicting() as fitted:
            return fitted._logits(X).softmax(1).numpy()

    def predict_log_proba(self, X) -> np.ndarray:
        """Return the natural logarithm of :meth:`predict_proba`, never minus infinity.

        Parameters
        ----------
        X : array-like
            Images in any layout, or rows of a table, that :meth:`fit` accepts.

        Returns
        -------
        ndarray of shape (n, n_classes)
            In the order of `classes_`.
        """
        with self._predicting() as fitted:
            return fitted._logits(X).log_softmax(1).numpy()

    def decision_function(self, X) -> np.ndarray:
        """Return the logits, float64; for two classes, the log-odds of the second one.

        Parameters
        ----------
        X : array-like
            Images in any layout, or rows of a table, that :meth:`fit` accepts.

        Returns
        -------
        ndarray of shape (n, n_classes), or (n,) for two classes
            Larger is more probable.
        """
        with self._predicting() as fitted:
            logits = fitted._logits(X).numpy()
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def transform(self, X) -> np.ndarray:
        """Return the activations before the last layer: the trained net as a feature extractor.

        Parameters
        ----------
        X : array-like
            Images in any layout, or rows of a table, that :meth:`fit` accepts.

        Returns
        -------
        ndarray of shape (n, n_features_out)
            float64 if `X` is float64 or the precision is "fp64", else float32.
        """
        with self._predicting() as fitted:
            features = fitted._run(X, fitted._features_of_planes).numpy()
        return features.astype(np.result_type(_floating_dtype(X), features.dtype), copy=False)

    @contextmanager
    def _predicting(self):
        """Yield this fit, whatever becomes of it meanwhile, with its threads to compute with."""
        fitted = snapshot(self)
        if not hasattr(fitted, "net_"):
            check_is_fitted(self)  # raises, in scikit-learn's words
        fitted._check_what_was_set_after_fit()
        with borrowed_threads(fitted.n_threads), own_modes(gradients=False):
            yield fitted

    # What follows reads fitted attributes more than once, and is called on a snapshot.

    def _check_what_was_set_after_fit(self):
        values = (self.n_threads, self.device, self.prior, self.tta)
        try:
            _check_values(type(self), *values)
        except TypeError:  # a prior that cannot be hashed
            _check_values.__wrapped__(type(self), *values)

    def _logits(self, X):
        """Return float64 logits of images in any layout, a tensor (n, k)."""
        return self._run(X, self._logits_of_planes).double()

    def _run(self, X, function):
        """Return what a function of planes (n, c, h, w), tensors, makes of images in any layout."""
        return function(as_images(self._read_rows_like_training(X), self.image_shape_))

    def _read_rows_like_training(self, X):
        """Return images as rows, and warn if they are none like those of the fit."""
        rows = self._read_rows(X)
        if self._image_statistics is not None:
            self._image_statistics.warn_of(rows)
        return rows

    def _read_rows(self, X):
        """Return images to predict as rows, checked against those of the fit."""
        return as_rows(check_images(self, X, reset=False), self.image_shape_)

    def _logits_of_planes(self, images):
        """Return logits (n, k) of a tensor (n, c, h, w), moved to the wanted prior."""
        function, n_views = self._inference_module(), self._n_views()
        if n_views is not None:
            function = averaged_over_views(function, n_views)
        logits, shift = self._apply_by_rows(function, images), self._shift_to_prior()
        return logits if shift is None else logits + as_tensor(shift).to(logits.dtype)

    def _n_views(self):
        """Return over how many views of an image `tta` averages, None for the image alone."""
        check_views(self.tta, self.image_shape_)
        return 2 if self.tta == "flip" else self.tta

    def _prior_of_predictions(self):
        """Return the frequencies (k,) that `prior` means, None where logits are not moved."""
        if self.prior is None:
            return None
        return wanted_prior(self.prior, self.classes_, self.class_prior_)

    def _shift_to_prior(self):
        """Return what `prior` adds to the logits, (k,), None for nothing."""
        wanted = self._prior_of_predictions()
        if wanted is None:
            return None
        frequencies = Frequencies(
            self.class_count_, self.class_prior_, self.class_weight_, self.effective_class_prior_
        )
        return frequencies.shift(wanted)

    def _features_of_planes(self, images):
        """Return the activations before the last layer (n, d) of a tensor (n, c, h, w)."""
        return self._apply_by_rows(self._inference_module().transform, images)

    def _inference_module(self):
        return self.net_.move_to(find_device(self.device)).inference_module()

    def _apply_by_rows(self, function, images):
        module = self.net_.module_
        return apply_by_rows(
            function,
            images,
            self.net_.device_,
            self.net_.inference_dtype,
            block_size=module.inference_block_size,
            multiple=module.inference_rows_multiple,
        )

    @property
    def history_(self):
        """The training history, one row per epoch."""
        # pandas is slow to import, and many a fit in a search is never asked for its history.
        import pandas as pd

        rows = [{k: row[k] for k in HISTORY if k in row} for row in self.net_.history]
        return pd.DataFrame(rows)

    @property
    def n_iter_(self) -> int:
        """The number of epochs that were run."""
        return len(self.net_.history)

    @property
    def loss_curve_(self) -> list[float]:
        """The training loss of each epoch."""
        return [row["train_loss"] for row in self.net_.history]

    @property
    def validation_scores_(self) -> list[float] | None:
        """The validation score of each epoch, or None."""
        scores = [row["valid_score"] for row in self.net_.history if "valid_score" in row]
        return scores or None

    @property
    def best_validation_score_(self) -> float | None:
        """The largest validation score, or None."""
        return max(self.validation_scores_ or (), default=None)

    @property
    def _n_features_out(self):
        return self.net_.module_.n_features_out

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the metadata routing of the classifier and its splitter, which gets the groups.

        Returns
        -------
        MetadataRouter
            ``fit`` passes on what `validation_split` has requested.
        """
        mapping = MethodMapping().add(caller="fit", callee="split")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(splitter=self.validation_split, method_mapping=mapping)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.sparse = self._takes_tables
        exact = self.precision == "fp64"
        tags.transformer_tags.preserves_dtype = ["float64"] if exact else ["float64", "float32"]
        return tags

    def __dask_tokenize__(self):
        # Dask would tokenise a dataclass by its fields alone, so that two different fits of the
        # same parameters would pass for one.
        token = [type(self).__qualname__, self.get_params(deep=False)]
        if hasattr(self, "net_"):
            fitted = fitted_attributes(self)
            weights = fitted.pop("net_").module_.state_dict()
            token += [fitted, {k: v.cpu().numpy() for k, v in weights.items()}]
        return token


# Kept by type, too: 1 and 1.0 are equal.
@lru_cache(typed=True)
def _check_values(cls, n_threads, device, prior, tta):
    """Check the parameters that a prediction reads, as `fit` checks all of them."""
    values = {"n_threads": n_threads, "device": device, "prior": prior, "tta": tta}
    validate_parameter_constraints(constraints_of(cls), values, cls.__name__)


def _floating_dtype(X):
    """Return the floating dtype of an array or a frame, float32 if it has none."""
    dtypes = X.dtypes if hasattr(X, "columns") else [getattr(X, "dtype", None)]
    floating = [d for d in dtypes if isinstance(d, np.dtype) and d.kind == "f"]
    return np.result_type(np.float32, *floating)
