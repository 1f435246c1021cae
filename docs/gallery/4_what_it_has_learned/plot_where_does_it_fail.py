"""
Where does it fail?
===================

A confusion matrix says which classes are confused, images say why. Most confusions of this data
are those that people make, too.
"""

# %%
import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay

from skfashion import ConvNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import ErrorAnalysisDisplay, PredictionGridDisplay, ProbabilityDisplay

train, test = load_fashion_sample(), load_fashion_sample(subset="test")
names = train.target_names
net = ConvNetClassifier(channels=(16, 32), max_epochs=4, random_state=0)
net.fit(train.data, train.target)
given = net, test.data, test.target
figure, ax = plt.subplots(figsize=(7, 6), layout="constrained")
ConfusionMatrixDisplay.from_estimator(
    *given, display_labels=names, xticks_rotation="vertical", cmap="cividis", ax=ax
)

# %%
# The most frequent confusions, with images.
ErrorAnalysisDisplay.from_estimator(*given, class_names=names)

# %%
# The least certain predictions, right and wrong ones.
uncertain = PredictionGridDisplay.from_estimator(*given, which="uncertain", class_names=names)

# %%
# The least certain of all.
row = uncertain.rows[0]
ProbabilityDisplay.from_estimator(net, test.data[row], test.target[row], class_names=names)
