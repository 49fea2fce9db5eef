"""The air of USGS Level-2 products beside ours: transmittance, radiances, and what they do to the temperature."""
