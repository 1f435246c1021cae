"""Many runs at once: processes, clusters, threads, and the bar that shows how far they are.

What is run is none of its business: nothing of the package is imported.
"""
