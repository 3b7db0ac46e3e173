"""Doorbells: each task finds its operation and calls the rules, which are tested without Celery."""

from worker_service.tasks import cancel, clean_up, delete, download, scan, update, verify

__all__ = ["cancel", "clean_up", "delete", "download", "scan", "update", "verify"]
