"""Atmospheric profiles, the libraries made of them, and the sets simulated from them."""
