"""One blueprint a noun; an endpoint reads as its contract."""
