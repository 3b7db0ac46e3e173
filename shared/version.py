"""The one place that names the version of Weighbridge."""

VERSION = "0.1.0"
