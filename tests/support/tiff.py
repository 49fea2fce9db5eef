"""The layout of a Cloud Optimized GeoTIFF, read byte by byte and compared with the rules of the format."""

import struct

import rasterio

from lst_raster.product.cog import block_tables


def assert_strict_cog(path):
    """Hold a file against the rules of GDAL's COG driver: order of heads and blocks, notes of sizes, overviews."""
    file = path.read_bytes()
    start = 16 if file[2] == 43 else 8  # BigTIFF or not
    assert file[start:].startswith(b"GDAL_STRUCTURAL_METADATA_SIZE=")
    size = int(file[start + 30 : start + 36])
    ghost = file[start + 43 : start + 43 + size]
    for rule in (b"LAYOUT=IFDS_BEFORE_DATA", b"BLOCK_ORDER=ROW_MAJOR", b"BLOCK_LEADER=SIZE_AS_UINT4",
                 b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED", b"KNOWN_INCOMPATIBLE_EDITION=NO"):  # fmt: skip
        assert rule in ghost
    levels = [(positions.read(file), sizes.read(file)) for positions, sizes in block_tables(file)]
    in_order = [block for positions, sizes in reversed(levels) for block in zip(positions, sizes, strict=True)]
    end = in_order[0][0] - 4
    assert end >= max(table.position for tables in block_tables(file) for table in tables)
    for position, size in in_order:
        assert position == end + 4
        assert struct.unpack_from("<I", file, position - 4) == (size,)
        assert file[position + size : position + size + 4] == file[position + size - 4 : position + size]
        end = position + size + 4
    assert end == len(file)
    with rasterio.open(path) as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.block_shapes == [(512, 512)]
        assert max(dataset.shape) / 2 ** len(dataset.overviews(1)) <= 512
