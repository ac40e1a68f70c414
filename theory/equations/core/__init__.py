"""What an equation is: its statement, its derivation, its check; algebra and numbers that checks share."""
