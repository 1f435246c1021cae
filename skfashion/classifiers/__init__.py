"""The estimators: parameters, docstring and the scikit-learn contract.

Training is called here and written in ``fitting`` and ``training``.
"""
