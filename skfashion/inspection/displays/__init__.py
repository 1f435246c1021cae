"""The display classes, a file each.

What they share, arguments and drawing, is one folder up.
"""
