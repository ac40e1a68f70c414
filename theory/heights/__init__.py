"""What a generalising and a memorising solution cost, and the tables that measured constants rest on."""
