"""What several folders share: labels, pipelines, seeds, files, and scikit-learn's private names.

It imports nothing from the package, and no PyTorch.
"""
