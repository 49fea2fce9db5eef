"""What a product is: its files, their layout, and how they come to be whole or not at all."""
