"""The worker: it owns the Hugging Face cache volume, and does what the API asks for."""
