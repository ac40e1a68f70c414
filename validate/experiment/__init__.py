"""One transition from end to end: predict, train across it, compare."""
