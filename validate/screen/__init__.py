"""What a terminal and TensorBoard show."""
