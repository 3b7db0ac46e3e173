"""The whole of Weighbridge on one machine, embedded databases included: `python -m deploy.local`."""
