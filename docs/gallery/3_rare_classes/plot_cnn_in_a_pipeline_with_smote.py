"""
A CNN in a pipeline with SMOTE
==============================

A sampler belongs into the pipeline, so that it sees the training rows only. imbalanced-learn's
pipeline takes our nets as its last step; the net sees flat rows and knows that 784 values are 28
by 28 pixels.
"""

# %%
# Shirts are rare in the training data. The images that are held out for comparing, 200 of each
# class, are taken away before anything is resampled.
import matplotlib.pyplot as plt
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from sklearn.model_selection import train_test_split

from skfashion import ConvNetClassifier
from skfashion.datasets import load_fashion_sample, make_imbalanced
from skfashion.inspection import ClassDistributionDisplay

clothes = load_fashion_sample()
names = clothes.target_names
X, X_held, y, y_held = train_test_split(
    clothes.data, clothes.target, test_size=2000, stratify=clothes.target, random_state=0
)
profile = {label: 40 if names[label] == "Shirt" else 400 for label in range(10)}
X, y = make_imbalanced(X, y, profile, random_state=0)
sampler = SMOTE(random_state=0)
display = ClassDistributionDisplay.from_sampler(sampler, X, y, class_names=names)

# %%
# The same net with and without it.
net = ConvNetClassifier(channels=(16, 32), max_epochs=4, random_state=0)
models = {"CNN": make_pipeline(net), "SMOTE, CNN": make_pipeline(sampler, net)}
recalls = {}
for name, model in models.items():
    predicted = model.fit(X, y).predict(X_held)
    recalls[name] = [(predicted[y_held == label] == label).mean() for label in range(10)]
    print(f"{name}: {(predicted == y_held).mean():.3f} of all, {recalls[name][6]:.2f} of shirts")

# %%
# Shirts gain much, and coats, which look like them, pay for it with a little.
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for offset, (name, values) in zip((-0.2, 0.2), recalls.items(), strict=True):
    hatch = "///" if "SMOTE" in name else ""
    ax.barh([place + offset for place in range(10)], values, 0.4, label=name, hatch=hatch)
ax.set_yticks(range(10), names)
ax.invert_yaxis()
ax.set(xlabel="recall", xlim=(0, 1))
figure.legend(loc="outside upper center", ncols=2)

# %%
# Shirts matter here, so the pipeline with SMOTE is taken. The test images had no say in that: what
# they say of it can be reported.
test = load_fashion_sample(subset="test")
predicted = models["SMOTE, CNN"].predict(test.data)
right = predicted == test.target
print(f"SMOTE, CNN: {right.mean():.3f} of all, {right[test.target == 6].mean():.2f} of shirts")
