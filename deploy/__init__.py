"""How Weighbridge is brought to life: on one machine, in images, in a cluster."""
