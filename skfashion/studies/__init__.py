"""Studies of skewed and grouped data: many fits, tidy tables."""

__all__ = []
