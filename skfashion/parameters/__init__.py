"""What a user sets: how a parameter is declared, and those that all classifiers share.

No training, no estimator.
"""
