"""What several folders share and scikit-learn does not have; it imports nothing of the package."""
