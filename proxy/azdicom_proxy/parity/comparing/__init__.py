"""The parts of the comparison: one module for each kind of body, and what they share."""
