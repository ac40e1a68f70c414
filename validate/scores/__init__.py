"""Every prediction against every measured cell."""
