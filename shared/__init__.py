"""What both services stand on: the rules, the rows and the keys. Knows no HTTP status and no volume."""
