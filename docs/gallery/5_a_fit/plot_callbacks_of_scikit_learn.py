"""
Callbacks of scikit-learn on a net
==================================

scikit-learn 1.9 has callbacks: objects that see the tasks of a fit, and of the fits inside a
search. A net calls them once an epoch, and a search passes them on, so that one log has every epoch
of every candidate.
"""

# %%
# ``ScoringMonitor`` computes a score after each task. On the net of a search it sees all of its
# epochs, in each candidate and split.
import matplotlib.pyplot as plt
from sklearn.callback import ScoringMonitor
from sklearn.model_selection import GridSearchCV

from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample

X, y = load_fashion_sample(return_X_y=True)
X, y = X[:1500], y[:1500]
monitor = ScoringMonitor(scoring="accuracy")
net = MLPNetClassifier(hidden_layer_sizes=64, max_epochs=6, random_state=0, n_threads=1)
net.set_callbacks(monitor)
search = GridSearchCV(net, {"lr": [3e-4, 3e-3, 3e-2]}, cv=2).fit(X, y)
log = monitor.get_logs(include_lineage=True).data_as_pandas
epochs = log[log["task_name"] == "epoch"]
print(epochs[["task_id_path", "accuracy"]].head(3))

# %%
# A path leads from the whole search to the epoch: (0, 0, fit, epoch) within it, and (0, 1, epoch)
# of the last fit to all rows. Fits follow each other candidate by candidate, split by split.
n_splits = search.n_splits_
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for i, params in enumerate(search.cv_results_["params"]):
    fits = range(i * n_splits, (i + 1) * n_splits)
    own = epochs[[len(path) == 4 and path[2] in fits for path in epochs["task_id_path"]]]
    mean = own.groupby("task_id")["accuracy"].mean()
    ax.plot(mean.index + 1, mean, "o-", label=f"lr={params['lr']}")
ax.set(xlabel="epoch", ylabel="accuracy on the rows of the fit, mean over splits")
ax.legend()
