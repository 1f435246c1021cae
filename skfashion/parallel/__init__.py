"""Many runs at once: processes, clusters, threads, and the bar that shows how far they are.

What is run is none of its business: of the package it imports only how files are written.
"""
