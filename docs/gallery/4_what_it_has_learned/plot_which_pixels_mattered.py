"""
Which pixels mattered?
======================

Maps of what a decision hangs on, by three methods. They tell how the net reacts when pixels
change, and that is not why it decides: believe what different methods agree on.
"""

# %%
# Images of clothes that the net takes for something else.
from skfashion import ConvNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import AttributionDisplay, PredictionGridDisplay

train, test = load_fashion_sample(), load_fashion_sample(subset="test")
names = train.target_names
net = ConvNetClassifier(channels=(16, 32), max_epochs=3, random_state=0)
net.fit(train.data, train.target)
wrong = PredictionGridDisplay.from_estimator(
    net, test.data, test.target, which="confident_wrong", n_images=4, class_names=names
)

# %%
# What spoke for the class that was predicted: brown pixels for it, violet ones against it.
methods = ["integrated_gradients", "grad_cam", "occlusion"]
images = test.data[wrong.rows]
AttributionDisplay.from_estimator(net, images, methods=methods, class_names=names)

# %%
# And what spoke for the true one.
true = test.target[wrong.rows]
AttributionDisplay.from_estimator(net, images, true, methods=methods, class_names=names)
