"""Doorbells: each task finds its operation and calls the rules, which are tested without Celery."""

from worker_service.tasks import cancel, delete, download

__all__ = ["cancel", "delete", "download"]
