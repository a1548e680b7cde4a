"""The runs of the studies that remake results of papers."""
