"""Products over time: mean, median, percentiles and the like of every pixel, on one grid."""
