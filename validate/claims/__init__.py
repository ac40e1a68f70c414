"""What the theorems say about networks, examined on networks."""
