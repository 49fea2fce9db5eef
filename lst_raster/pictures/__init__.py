"""Pictures of numbers: maps with a colour bar, and histograms. Takes arrays alone, and is the only home of Pillow."""
