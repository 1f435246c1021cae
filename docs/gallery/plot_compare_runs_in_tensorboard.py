"""
Compare runs in TensorBoard
===========================

With ``log_dir`` each fit writes a folder of its own, and so does each candidate of a search: loss,
scores, learning rate, throughput, and hyper-parameters beside final scores.
"""

# %%
# A search of six candidates, in a folder that is gone afterwards. Yours will be ``log_dir="runs"``.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.model_selection import GridSearchCV
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample

X, y = load_fashion_sample(return_X_y=True)
folder = tempfile.TemporaryDirectory()
net = MLPNetClassifier(max_epochs=5, random_state=0, log_dir=folder.name)
grid = {"hidden_layer_sizes": [(32,), (128,)], "lr": [3e-4, 1e-3, 5e-3]}
search = GridSearchCV(net, grid, cv=2, n_jobs=2).fit(X[:2000], y[:2000])
print(search.best_params_)

# %%
# Look at them with ``tensorboard --logdir runs``: the tab HParams compares all candidates. They
# are files that can be read by programs, too.
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for path in sorted(Path(folder.name).iterdir()):
    run = EventAccumulator(str(path)).Reload()
    events = run.Scalars("loss/train")
    ax.plot([event.step for event in events], [event.value for event in events], alpha=0.7)
ax.set(xlabel="epoch", ylabel="training loss", title=f"{len(ax.lines)} runs")
folder.cleanup()
