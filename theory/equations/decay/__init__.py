"""Equations of weight decay: peak heights, shared nodes, blocks, and the clock."""
