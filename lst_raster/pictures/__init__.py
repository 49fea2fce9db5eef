"""Pictures of numbers: maps with a colour bar, histograms, scatter plots. Takes arrays; the only home of Pillow."""
