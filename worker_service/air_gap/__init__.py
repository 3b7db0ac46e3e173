"""Models carried by hand to an installation without a network: an archive with a signed manifest.

`python -m worker_service.air_gap`, where the volume is mounted; docs/air-gap.md has the steps.
"""
