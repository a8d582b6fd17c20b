"""What statements do to a server's tables while others use them: locks, rewrites, scans.

The matrices are data files beside the modules; each row names its source.
"""
