"""What goes in: Landsat scenes, grids, emissivity, atmosphere."""
