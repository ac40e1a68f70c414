"""Figures that commands draw of what they found."""
