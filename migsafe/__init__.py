"""migsafe checks data-model migrations before they ship."""

__version__ = "0.1.0"
