"""What all figures share: styles, colours, panels, marks, and what an entry of the catalogue is."""
