"""The explorer: one page on which the amount of data can be dragged; what is in it, how it looks. No torch here."""
