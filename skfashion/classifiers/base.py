"""The scikit-learn contract of every classifier of the package, once."""

import abc
import math

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils.validation import check_is_fitted

from skfashion.fitting import data as training_data
from skfashion.fitting import fit as fitting
from skfashion.fitting.frequencies import logit_shift
from skfashion.fitting.inputs import as_tensor, check_images
from skfashion.fitting.resuming import check_callbacks
from skfashion.fitting.watching import TaskHooks
from skfashion.images import as_planes, as_rows, infer_image_shape, planes_shape
from skfashion.parameters.augmentation import MIN_SIDE
from skfashion.parameters.declaring import constraints_of, estimator
from skfashion.parameters.options import TrainingOptions
from skfashion.training import apply_by_rows, averaged_over_views, borrowed_threads, own_device

ATTRIBUTES_DOC = """\
classes_ : ndarray of shape (n_classes,)
    The labels, sorted; those whose rows all had weight 0 included.
n_features_in_ : int
    Number of values of an image, ``h * w * c``.
feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Names of the columns; only if `X` had names that are all strings.
image_shape_ : tuple of int
    Layout of the flat row: ``(h, w)``, ``(c, h, w)`` or ``(h, w, c)``.
n_iter_ : int
    Number of epochs (passes over the training data) that were run.
history_ : pandas.DataFrame
    A row an epoch: ``epoch``, ``train_loss``, ``train_accuracy``, ``valid_loss`` and
    ``valid_score`` (with validation data), ``lr`` (of the epoch's last step), ``seconds``.
    Losses and scores are weighted; a validation loss is without label smoothing.
loss_curve_ : list of float
    The training loss of each epoch.
validation_scores_ : list of float or None
    The validation score of each epoch, larger is better; None without validation data.
best_validation_score_ : float or None
    The largest of them.
class_weight_ : ndarray of shape (n_classes,)
    The factor by which the weights of each class's rows were multiplied, in the order of
    `classes_`.
class_count_ : ndarray of shape (n_classes,)
    The rows of each class, counted by their `sample_weight`; of all calls of `partial_fit` so far.
class_prior_ : ndarray of shape (n_classes,)
    Their shares: the frequencies of the classes.
effective_class_prior_ : ndarray of shape (n_classes,)
    The frequencies that the net has learned instead, after `sampling`, `class_weight`, `loss` and
    `deferred_reweighting`.
net_ : skorch.NeuralNetClassifier
    The trained net; the PyTorch module is ``net_.module_``."""

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
    BaseEstimator,
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

    @abc.abstractmethod
    def _build_module(self, image_shape, n_classes):
        """Return the network for images of `image_shape` (c, h, w), its weights not yet drawn."""

    @property
    def _parameter_constraints(self):
        return constraints_of(type(self))

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
        """Train the network.

        A fit that fails, or is interrupted, leaves the estimator as it was.

        Parameters
        ----------
        X : array-like of shape (n, h*w*c), (n, h, w), (n, c, h, w) or (n, h, w, c)
            The images, any real dtype. `uint8` stays `uint8` in memory.
        y : array-like of shape (n,)
            Their labels: strings, integers, booleans.
        sample_weight : array-like of shape (n,), default=None
            Weights of the rows, not negative; None means 1. A row of weight 0 has no influence.
        X_val, y_val, sample_weight_val : array-likes, default=None
            Validation data, as `X`, `y` and `sample_weight`. Without `early_stopping` and
            `target_score` its scores are only recorded.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the input is not as described, or if the training diverges: the loss or a weight is
            no longer finite.
        """
        self._train(X, y, sample_weight, X_val, y_val, sample_weight_val)
        return self

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def _fit_until(self, X, y, *, until, paused=None, **fit_params):
        """Train up to an epoch of `max_epochs`: for searches that stop and go on.

        Called again and again with a later epoch and the same parameters and data, it ends with
        the model that :meth:`fit` gives, to the last bit, wherever the calls are made. In between,
        the model has averaged weights, so that it can be judged in the middle of its schedule.
        Needs a `random_state` that is an int; `checkpoint_dir` is not used.

        Parameters
        ----------
        X, y, **fit_params : array-likes
            As in :meth:`fit`.
        until : int
            Epoch after which to pause.
        paused : bytes or None
            What the call before returned; None begins.

        Returns
        -------
        bytes or None
            What the rest of the training needs, as a checkpoint has it; None at the end.

        Raises
        ------
        ValueError
            As in :meth:`fit`, and if a skorch callback has a state that no checkpoint can hold.
        """
        return self._train(X, y, until=until, paused=paused, **fit_params)

    def _n_epochs(self, n_rows):
        """Return how many epochs a fit to so many rows has."""
        size = fitting.batch_size_of(self, n_rows)
        return fitting.number_of_epochs(self, math.ceil(n_rows / size))

    def _train(
        self, X, y, sample_weight=None, X_val=None, y_val=None, sample_weight_val=None, **pause
    ):
        # A blank twin is trained and its fitted attributes adopted at the end: whatever goes
        # wrong on the way, nothing half-trained is left here.
        twin = self._blank_twin()
        if pause:
            check_callbacks(twin, "a training that is paused and goes on")
            twin.checkpoint_dir = twin.log_dir = None
        hooks = TaskHooks(self, X, y, sample_weight)
        with own_device(self.device):
            data = training_data.read_training_data(
                twin, X, y, sample_weight, X_val, y_val, sample_weight_val
            )
            try:
                with borrowed_threads(self.n_threads):
                    paused = fitting.fit(twin, data, hooks, **pause)
            finally:
                data.close()
        self._adopt(twin)
        return paused

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one pass over the given rows, at the constant learning rate `lr`.

        The optimizer's state is kept in memory between calls, but not in a pickle. Statistics for
        standardisation are those of the first call, and so is all that concerns network and
        optimizer (those of `fit`, if that came first): of later changes to parameters only those
        of `lr`, `batch_size`, `class_weight`, `augment`, `n_threads` and `device` count.
        `ema_decay`, `checkpoint_dir` and `log_dir` are for `fit` alone. A call that fails leaves
        the estimator as it was.

        Parameters
        ----------
        X, y, sample_weight : array-likes
            As in :meth:`fit`.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; required by the first call.

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
        self._validate_params()  # the decorator does so before the first call only
        training_data.check_partial_fit(self, classes)
        first = not hasattr(self, "net_")
        model = self._blank_twin() if first else self
        current = None if first else fitting.module_device(self.net_.module_)
        with own_device(self.device, current):
            data = training_data.read_partial_data(
                model, X, y, classes if first else None, sample_weight
            )
            with borrowed_threads(self.n_threads):
                fitting.partial_fit(model, data)
        return self._adopt(model) if first else self

    def predict(self, X):
        """Return the most probable label of each image, in the dtype of the `y` of fit.

        Parameters
        ----------
        X : array-like
            Images in any layout that :meth:`fit` accepts.

        Returns
        -------
        ndarray of shape (n,)
            The labels.
        """
        codes = self._apply("logits", X).argmax(1).numpy()
        return self.classes_[codes]

    def predict_proba(self, X):
        """Return the probability of each class, float64, each row summing to 1.

        Parameters
        ----------
        X : array-like
            Images in any layout that :meth:`fit` accepts.

        Returns
        -------
        ndarray of shape (n, n_classes)
            In the order of `classes_`.
        """
        return self._logits(X).softmax(1).numpy()

    def predict_log_proba(self, X):
        """Return the natural logarithm of :meth:`predict_proba`, never minus infinity.

        Parameters
        ----------
        X : array-like
            Images in any layout that :meth:`fit` accepts.

        Returns
        -------
        ndarray of shape (n, n_classes)
            In the order of `classes_`.
        """
        return self._logits(X).log_softmax(1).numpy()

    def decision_function(self, X):
        """Return the logits, float64; for two classes, the log-odds of the second one.

        Parameters
        ----------
        X : array-like
            Images in any layout that :meth:`fit` accepts.

        Returns
        -------
        ndarray of shape (n, n_classes), or (n,) for two classes
            Larger is more probable.
        """
        logits = self._logits(X).numpy()
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def transform(self, X):
        """Return the activations before the last layer: the trained net as a feature extractor.

        Parameters
        ----------
        X : array-like
            Images in any layout that :meth:`fit` accepts.

        Returns
        -------
        ndarray of shape (n, n_features_out)
            float64 if `X` is float64 or the precision is "fp64", else float32.
        """
        features = self._apply("features", X)
        dtype = _floating_dtype(X)
        return features.numpy().astype(np.result_type(dtype, features.numpy().dtype), copy=False)

    def _logits(self, X):
        """Return float64 logits, a tensor (n, n_classes)."""
        return self._apply("logits", X).double()

    def _apply(self, what, X):
        """Return "logits" or "features" of `X`, a tensor (n, d) on the CPU."""
        rows = as_tensor(self._read_rows(X))
        return self._apply_to_planes(what, as_planes(rows, self.image_shape_))

    def _apply_to_planes(self, what, images):
        """Return the same of images (n, c, h, w), a tensor that is taken as it is."""
        module = fitting.module_on_device(self)
        function = self.net_.inference_module()
        if what == "features":
            function = function.transform
        elif self.tta is not None:
            function = averaged_over_views(function, self._n_views())
        with borrowed_threads(self.n_threads):
            values = apply_by_rows(
                function,
                images,
                fitting.module_device(module),
                self.net_.inference_dtype,
                block_size=module.inference_block_size,
                multiple=module.inference_rows_multiple,
            )
        shift = logit_shift(self) if what == "logits" else None
        return values if shift is None else values + shift.to(values.dtype)

    def _read_rows(self, X):
        """Return images to predict as rows, checked against those of the fit."""
        if not hasattr(self, "net_"):
            check_is_fitted(self)  # raises, in scikit-learn's words
        return as_rows(check_images(self, X, reset=False), self.image_shape_)

    def _n_views(self):
        self._validate_params()  # it may have been set after the fit
        if min(planes_shape(self.image_shape_)[1:]) < MIN_SIDE:
            raise ValueError(
                f"Got tta={self.tta!r} for images of image_shape={self.image_shape_}, expected "
                "None for a table's rows, whose columns are not neighbours."
            )
        return 2 if self.tta == "flip" else self.tta

    def _learn_shape(self, X):
        """Return images as rows, and remember their shape."""
        self.image_shape_ = infer_image_shape(X.shape, self.image_shape)
        rows = as_rows(X, self.image_shape_)
        self.n_features_in_ = rows.shape[1]
        return rows

    def _blank_twin(self):
        """Return an unfitted estimator with the very same parameter values."""
        twin = type(self)(**self.get_params(deep=False))
        if self.warm_start and hasattr(self, "net_"):
            twin._warm_start_from = self
        return twin

    def _adopt(self, twin):
        """Replace everything fitted by what was fitted in the twin."""
        for name in [name for name in vars(self) if _is_fitted_attribute(name)]:
            delattr(self, name)
        fitted = {n: v for n, v in vars(twin).items() if _is_fitted_attribute(n)}
        vars(self).update(fitted)
        return self

    @property
    def history_(self):
        """The training's records, a row an epoch."""
        # pandas is slow to import, and many a fit in a search is never asked for its history.
        import pandas as pd

        rows = [{k: row[k] for k in HISTORY if k in row} for row in self.net_.history]
        return pd.DataFrame(rows)

    @property
    def n_iter_(self):
        """The number of epochs that were run."""
        return len(self.net_.history)

    @property
    def loss_curve_(self):
        """The training loss of each epoch."""
        return [row["train_loss"] for row in self.net_.history]

    @property
    def validation_scores_(self):
        """The validation score of each epoch, or None."""
        scores = [row["valid_score"] for row in self.net_.history if "valid_score" in row]
        return scores or None

    @property
    def best_validation_score_(self):
        """The largest validation score, or None."""
        return max(self.validation_scores_ or (), default=None)

    @property
    def _n_features_out(self):
        return self.net_.module_.n_features_out

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def __dask_tokenize__(self):
        # Dask would tokenise a dataclass by its fields alone, so that two different fits of the
        # same parameters would pass for one.
        token = [type(self).__qualname__, self.get_params(deep=False)]
        if hasattr(self, "net_"):
            fitted = {n: v for n, v in vars(self).items() if _is_fitted_attribute(n)}
            weights = fitted.pop("net_").module_.state_dict()
            token += [fitted, {k: v.cpu().numpy() for k, v in weights.items()}]
        return token


def _floating_dtype(X):
    """Return the floating dtype of an array or a frame, float32 if it has none."""
    dtypes = X.dtypes if hasattr(X, "columns") else [getattr(X, "dtype", None)]
    floating = [d for d in dtypes if isinstance(d, np.dtype) and d.kind == "f"]
    return np.result_type(np.float32, *floating)


def _is_fitted_attribute(name):
    return name.endswith("_") and not name.startswith("__")
