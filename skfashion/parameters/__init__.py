"""What a user sets, as values. Nothing here is fitted."""
