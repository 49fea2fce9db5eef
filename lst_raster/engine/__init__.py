"""What comes out: tiles, retrieval, the Cloud Optimized GeoTIFF."""
