"""Live service-quality figures for contact centres, straight from the event stream."""

__version__ = "0.1.0"
