"""HTTP that all routes share: versions, negotiation, bodies, errors."""
