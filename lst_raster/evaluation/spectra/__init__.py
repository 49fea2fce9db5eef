"""What one emissivity for a band costs, where the truth is a spectrum."""
