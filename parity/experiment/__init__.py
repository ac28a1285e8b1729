"""An experiment: its settings, what is drawn once, published figures, weight files."""
