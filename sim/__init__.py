"""Training of many small networks at once: exact gradients, records, stores. Import the modules you need."""
