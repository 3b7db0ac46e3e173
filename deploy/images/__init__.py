"""The images, and what belongs to docker-compose.yml (docs/images.md)."""
