"""What can be measured inside a network while it trains."""
