"""The class of equations, and algebra and numerical methods that their checks share."""
