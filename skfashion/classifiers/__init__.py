"""The estimators: parameters, docstring and the scikit-learn contract.

Nothing here knows how a network is trained.
"""
