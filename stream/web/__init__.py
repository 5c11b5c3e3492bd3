"""What the outside world may ask of a worker over HTTP: figures, health and readiness. Served off the event loop."""
