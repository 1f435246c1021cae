"""The display classes, a file each; what they share is one folder up."""
