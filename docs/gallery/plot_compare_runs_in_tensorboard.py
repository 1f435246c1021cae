"""
Compare runs in TensorBoard
===========================

With ``log_dir`` each fit writes a folder of its own, those of a search included: loss, scores,
learning rate, throughput, and hyper-parameters beside final scores.
"""

# %%
# A search of six candidates, in a folder that is gone afterwards. Yours will be ``log_dir="runs"``.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.model_selection import GridSearchCV
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample

X, y = load_fashion_sample(return_X_y=True)
folder = tempfile.TemporaryDirectory()
net = MLPNetClassifier(max_epochs=5, random_state=0, log_dir=folder.name)
grid = {"hidden_layer_sizes": [(32,), (128,)], "lr": [3e-4, 1e-3, 5e-3]}
search = GridSearchCV(net, grid, cv=2, n_jobs=2).fit(X[:2000], y[:2000])
print(search.best_params_)

# %%
# Look at them with ``tensorboard --logdir runs``: the tab HParams compares them all. The second
# word of a run's name is the same for all fits of a candidate: here two folds each, and for the
# best one the last fit to all rows as well. The files can be read by programs, too.
figure, axes = plt.subplots(1, 2, figsize=(8, 4), sharey=True, layout="constrained")
for path in sorted(Path(folder.name).iterdir()):
    run = EventAccumulator(str(path)).Reload()
    start = run.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    params = HParamsPluginData.FromString(start).session_start_info.hparams
    lr, layers = params["lr"].number_value, params["hidden_layer_sizes"].string_value
    ax = axes[[str(sizes) for sizes in grid["hidden_layer_sizes"]].index(layers)]
    events = run.Scalars("loss/train")
    color = f"C{grid['lr'].index(lr)}"
    ax.plot([e.step for e in events], [e.value for e in events], color=color, label=f"lr={lr}")
for ax, sizes in zip(axes, grid["hidden_layer_sizes"], strict=True):
    curves = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    ax.legend(curves.values(), curves.keys())
    ax.set(xlabel="epoch", title=f"{sizes[0]} neurons, {len(ax.lines)} runs")
axes[0].set_ylabel("training loss")
folder.cleanup()
