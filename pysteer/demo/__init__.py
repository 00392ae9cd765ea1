"""The demonstration: an embedded small model, its texts, and a side-by-side comparison."""
