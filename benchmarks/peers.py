"""Classifiers of small images by other packages, as their users write them: the study "peers".

Each class has the ways that its package has, and no method where there is none:

- ``make`` returns an unfitted estimator;
- ``resumed`` what one gives for rows that was stopped on its way and fitted again, in how many
  epochs more, and what one gives that was not stopped;
- ``from_file`` what a fitted one gives for rows that was written to a file that runs no code;
- ``onnx`` writes an ONNX file.
"""

import contextlib
from pathlib import Path

import numpy as np

EPOCHS, STOPPED_AFTER = 6, 3


class Stopped(Exception):
    """What ends a training on its way."""


class Peer:
    """What all have."""

    packages = ()

    @classmethod
    def fitted(cls, X, y):
        """Return what is fitted to rows."""
        return cls.make().fit(X, y)

    @staticmethod
    def predicted(net, X):
        """Return predicted labels."""
        return net.predict(X)

    @staticmethod
    def probabilities(net, X):
        """Return what a fitted estimator gives for rows."""
        return net.predict_proba(X)


class Ours(Peer):
    """skfashion."""

    @staticmethod
    def make(**own):
        """Return the convolutional net; what is set makes it quick."""
        from skfashion import ConvNetClassifier

        return ConvNetClassifier(**own)

    @classmethod
    def resumed(cls, X, y, folder):
        """Fit again with the same ``checkpoint_dir``."""
        own = {"max_epochs": EPOCHS, "channels": 4, "random_state": 0}
        stop = _skorch_stop()
        stopped = cls.make(checkpoint_dir=folder, skorch_callbacks=[stop], **own)
        with contextlib.suppress(Stopped):
            stopped.fit(X, y)
        found = stopped.fit(X, y).predict_proba(X)
        return found, stop.begun - STOPPED_AFTER - 1, cls.make(**own).fit(X, y).predict_proba(X)

    @staticmethod
    def from_file(net, folder, X):
        """Write and read a safetensors file."""
        import skfashion

        net.save(Path(folder, "net.safetensors"))
        return skfashion.load(Path(folder, "net.safetensors")).predict_proba(X)

    @staticmethod
    def onnx(net, path, X):
        """Write an ONNX file."""
        from skfashion.export import to_onnx

        to_onnx(net, path, X)


class Sklearn(Peer):
    """scikit-learn."""

    packages = ("skops", "skl2onnx")

    @staticmethod
    def make(**own):
        """Return MLPClassifier."""
        from sklearn.neural_network import MLPClassifier

        return MLPClassifier(**own)

    @staticmethod
    def from_file(net, folder, X):
        """Write and read a file of skops."""
        from skops import io

        io.dump(net, Path(folder, "net.skops"))
        known = ["sklearn.neural_network._stochastic_optimizers.AdamOptimizer"]
        return io.load(Path(folder, "net.skops"), trusted=known).predict_proba(X)

    @staticmethod
    def onnx(net, path, X):
        """Write an ONNX file by skl2onnx."""
        from skl2onnx import to_onnx

        model = to_onnx(net, X[:1].astype(np.float32), options={"zipmap": False})
        Path(path).write_bytes(model.SerializeToString())


class Skorch(Peer):
    """skorch."""

    packages = ("skorch", "safetensors")

    @staticmethod
    def make(random_state=None, **own):
        """Return NeuralNetClassifier of a small module; PyTorch's seed is that of the process."""
        import torch
        from skorch import NeuralNetClassifier

        if random_state is not None:
            torch.manual_seed(random_state)
        options = {"optimizer": torch.optim.Adam, "lr": 1e-2, "max_epochs": 20, "verbose": 0}
        options |= {"iterator_train__shuffle": True, "train_split": None}
        return NeuralNetClassifier(_layers, criterion=torch.nn.CrossEntropyLoss, **options | own)

    @classmethod
    def resumed(cls, X, y, folder):
        """Load what the callback Checkpoint wrote, for the epochs that are left."""
        from skorch.callbacks import Checkpoint, LoadInitState

        kept, stop, left = (
            {"dirname": folder, "monitor": None},
            _skorch_stop(),
            EPOCHS - STOPPED_AFTER,
        )
        with contextlib.suppress(Stopped):
            cls.make(0, max_epochs=EPOCHS, callbacks=[Checkpoint(**kept), stop]).fit(X, y)
        load = LoadInitState(Checkpoint(**kept))
        resumed = cls.make(0, max_epochs=left, callbacks=[load]).fit(X, y)
        whole = cls.make(0, max_epochs=EPOCHS).fit(X, y)
        epochs = len(resumed.history) - STOPPED_AFTER
        return resumed.predict_proba(X), epochs, whole.predict_proba(X)

    @classmethod
    def from_file(cls, net, folder, X):
        """Write and read the parameters of the module as safetensors."""
        path = Path(folder, "net.safetensors")
        net.save_params(f_params=path, use_safetensors=True)
        read = cls.make().set_params(classes=net.classes_).initialize()
        read.load_params(f_params=path, use_safetensors=True)
        return read.predict_proba(X)

    @staticmethod
    def onnx(net, path, X):
        """Write the module as PyTorch does."""
        _torch_onnx(net.module_, path, X)


class Keras(Peer):
    """Keras' own wrapper for scikit-learn."""

    packages = ("keras", "tensorflow-cpu")

    @staticmethod
    def make(random_state=None, **fit_kwargs):
        """Return SKLearnClassifier of a model of its data."""
        import keras
        from keras.wrappers import SKLearnClassifier

        if random_state is not None:
            keras.utils.set_random_seed(random_state)
        return SKLearnClassifier(_keras_of, fit_kwargs={"epochs": 20, "verbose": 0} | fit_kwargs)

    @classmethod
    def resumed(cls, X, y, folder):
        """Fit again with the callback BackupAndRestore."""
        from keras.callbacks import BackupAndRestore

        found, begun = [], []
        for stop_at in (STOPPED_AFTER, None):
            backup = BackupAndRestore(folder, delete_checkpoint=False)
            callbacks = [backup, _keras_count(begun, stop_at)]
            with contextlib.suppress(Stopped):
                net = cls.make(0, epochs=EPOCHS, callbacks=callbacks).fit(X, y)
                found.append(cls.probabilities(net, X))
        whole = cls.make(0, epochs=EPOCHS).fit(X, y)
        return found[0], len(begun) - STOPPED_AFTER - 1, cls.probabilities(whole, X)

    @staticmethod
    def from_file(net, folder, X):
        """Write and read Keras' file of the model."""
        import keras

        net.model_.save(Path(folder, "net.keras"))
        return keras.saving.load_model(Path(folder, "net.keras")).predict(X, verbose=0)

    @staticmethod
    def probabilities(net, X):
        """Return what the model gives: the wrapper has no ``predict_proba``."""
        return net.model_.predict(X, verbose=0)

    @staticmethod
    def onnx(net, path, X):
        """Write the model by its ``export``."""
        net.model_.export(path, format="onnx", verbose=False)


class Scikeras(Keras):
    """scikeras."""

    packages = ("scikeras", *Keras.packages)
    probabilities = Peer.probabilities

    @staticmethod
    def make(random_state=None, **own):
        """Return KerasClassifier of a model of its data."""
        from scikeras.wrappers import KerasClassifier

        options = {"epochs": 20, "verbose": 0, "random_state": random_state} | own
        return KerasClassifier(_scikeras_of, loss="sparse_categorical_crossentropy", **options)


class Fastai(Peer):
    """fastai, whose learner is no estimator."""

    packages = ("fastai",)

    @classmethod
    def fitted(cls, X, y):
        """Return a fitted learner."""
        learner = cls._learner(X, y)
        with learner.no_bar(), learner.no_logging():
            learner.fit_one_cycle(EPOCHS, 1e-2)
        return learner

    @staticmethod
    def _learner(X, y, **options):
        """Return a learner of images of whole numbers, with labels of any kind."""
        import fastai.vision.all  # noqa: F401, gives learners their methods
        import torch
        from fastai.data.block import CategoryBlock, DataBlock
        from fastai.data.transforms import RandomSplitter
        from fastai.learner import Learner
        from fastai.losses import CrossEntropyLossFlat
        from fastai.torch_core import set_seed
        from fastai.vision.core import PILImageBW
        from fastai.vision.data import ImageBlock

        set_seed(0)
        images, classes = X.reshape(-1, 8, 8).astype(np.uint8), np.unique(y).tolist()
        block = DataBlock(
            (ImageBlock(PILImageBW), CategoryBlock(vocab=classes)),
            get_x=lambda i: PILImageBW.create(images[i]),
            get_y=lambda i: y[i],
            splitter=RandomSplitter(0.1, seed=0),
        )
        data = block.dataloaders(range(len(images)), bs=64, num_workers=0)
        module = _layers(len(classes))
        module(torch.zeros(1, images[0].size))  # which gives its layers their shapes
        return Learner(data, module, CrossEntropyLossFlat(), **options)

    @staticmethod
    def predicted(learner, X):
        """Return predicted labels, image by image."""
        from fastai.vision.core import PILImageBW

        images = X.reshape(-1, 8, 8).astype(np.uint8)
        with learner.no_bar():
            found = [learner.predict(PILImageBW.create(image))[1] for image in images]
        return [learner.dls.vocab[int(number)] for number in found]

    @staticmethod
    def probabilities(learner, X):
        """Return what the module gives for rows."""
        import torch

        with torch.no_grad():
            return learner.model.eval()(torch.from_numpy(X)).softmax(1).numpy()

    @classmethod
    def resumed(cls, X, y, folder):
        """Load what the callback SaveModelCallback wrote, and begin with a later epoch."""
        from fastai.callback.tracker import SaveModelCallback

        begun, found = [], []
        for stop_at in (STOPPED_AFTER, None, -1):
            learner = cls._learner(X, y, model_dir=folder)
            own = {"cbs": [SaveModelCallback(every_epoch=True, with_opt=True, fname="net")]}
            if stop_at is None:
                learner.load(f"net_{STOPPED_AFTER - 1}", with_opt=True)
                own["start_epoch"] = STOPPED_AFTER
            learner.add_cb(_fastai_count(begun if stop_at != -1 else [], stop_at))
            with contextlib.suppress(Stopped), learner.no_bar(), learner.no_logging():
                learner.fit_one_cycle(EPOCHS, 1e-2, **own)
                found.append(cls.probabilities(learner, X))
        return found[0], len(begun) - STOPPED_AFTER - 1, found[1]

    @staticmethod
    def onnx(learner, path, X):
        """Write the module as PyTorch does."""
        _torch_onnx(learner.model, path, X)


def _layers(n_outputs=10):
    from torch import nn

    class Rows(nn.Flatten):
        def forward(self, X):  # of whatever type they come
            return super().forward(X).float()

    return nn.Sequential(Rows(), nn.LazyLinear(64), nn.ReLU(), nn.LazyLinear(n_outputs))


def _torch_onnx(module, path, X):
    import torch

    rows = torch.from_numpy(X[:2].astype(np.float32))
    with_softmax = torch.nn.Sequential(module, torch.nn.Softmax(1)).eval()
    dynamic = {"dynamic_shapes": ({0: torch.export.Dim.AUTO},), "verbose": False}
    torch.onnx.export(with_softmax, (rows,), path, dynamo=True, **dynamic)


def _skorch_stop():
    """Return a callback that stops a training once, and has no state."""
    from skorch.callbacks import Callback

    class Stop(Callback):
        begun = 0

        def on_epoch_begin(self, net, **kwargs):
            Stop.begun += 1
            if Stop.begun == STOPPED_AFTER + 1:
                raise Stopped("on its way")

        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            pass

    return Stop()


def _keras_count(begun, stop_at):
    """Return a callback that notes the epochs, and stops before one."""
    from keras.callbacks import Callback

    class Count(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            begun.append(epoch)
            if epoch == stop_at:
                raise Stopped("on its way")

    return Count()


def _fastai_count(begun, stop_at):
    """Return a callback that notes the epochs it sees begin, and stops before one."""
    from fastai.callback.core import Callback

    class Count(Callback):
        def before_train(self):
            begun.append(self.epoch)
            if self.epoch == stop_at:
                raise Stopped("on its way")

    return Count()


def _keras_of(X, y):
    """Return the model of SKLearnClassifier, whose labels come as a column a class."""
    n_classes = y.shape[1] if np.ndim(y) > 1 else 1
    model = _keras_model(X.shape[1:], n_classes)
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    return model


def _scikeras_of(meta):
    """Return the model of KerasClassifier."""
    return _keras_model(meta["X_shape_"][1:], meta["n_classes_"])


def _keras_model(shape, n_classes):
    import keras
    from keras import layers

    parts = [layers.Input(shape), layers.Flatten(), layers.Dense(64, "relu")]
    return keras.Sequential([*parts, layers.Dense(n_classes, "softmax")])
