"""Angle coefficient files, and bundles of USGS products that have them."""

import datetime

import numpy as np

LANDSAT_8 = "LC08_L1GT_089074_20220506_20220512_02_T2"
LANDSAT_7 = "LE07_L1TP_107068_20220310_20220405_02_T1"


def angle_text(*, band="10", satellite=(0.0, 0.1, 0.99), sun=(0.3, 0.4, 0.7), corner=(452490.0, 3408630.0), zone=16):
    """Content of a file of one detector array and directions that are the same everywhere."""
    zeros = ", ".join(["0.0"] * 10)
    few, fewer, less = (", ".join(["0.0"] * count) for count in (9, 5, 4))
    lines = [
        "GROUP = FILE_HEADER", "  NUMBER_OF_BANDS = 1", f"  BAND_LIST = ({int(band)})", "END_GROUP = FILE_HEADER",
        "GROUP = PROJECTION", '  MAP_PROJECTION = "UTM"', '  PROJECTION_UNITS = "METERS"', f"  UTM_ZONE = {zone}",
        f"  UL_CORNER = ({corner[0]}, {corner[1]})", "END_GROUP = PROJECTION", f"GROUP = RPC_BAND{band}",
    ]  # fmt: skip
    entries = {
        "NUMBER_OF_SCAS": 1, "NUM_L1R_SAMPS": 640, "PIXEL_SIZE": 30.0, "MEAN_HEIGHT": 0.0,
        "MEAN_L1T_LINE_SAMP": "(0.0, 0.0)", "MEAN_L1R_LINE_SAMP": "(0.0, 0.0)",
        "MEAN_SAT_VECTOR": satellite, "MEAN_SUN_VECTOR": sun,
        **{f"{which}_{axis}_NUM_COEF": f"({zeros})" for which in ("SAT", "SUN") for axis in "XYZ"},
        **{f"{which}_{axis}_DEN_COEF": f"({few})" for which in ("SAT", "SUN") for axis in "XYZ"},
        "SCA01_MEAN_HEIGHT": 0.0, "SCA01_MEAN_L1R_LINE_SAMP": "(0.0, 0.0)", "SCA01_MEAN_L1T_LINE_SAMP": "(0.0, 0.0)",
        **{f"SCA01_{which}_NUM_COEF": f"({fewer})" for which in ("LINE", "SAMP")},
        **{f"SCA01_{which}_DEN_COEF": f"({less})" for which in ("LINE", "SAMP")},
    }  # fmt: skip
    lines += [f"  BAND{band}_{name} = {value}" for name, value in entries.items()]
    return "\n".join([*lines, f"END_GROUP = RPC_BAND{band}", "END", ""])


def sun_position(year, day_of_year, seconds, latitude, longitude):
    """Zenith angle and azimuth of the sun by the low-precision formula of the Astronomical Almanac (0.01 degree).

    The Astronomical Almanac, section C; J. Michalsky, Solar Energy 40, 227 (1988), doi:10.1016/0038-092X(88)90045-X
    """
    days = datetime.date(year, 1, 1).toordinal() - datetime.date(2000, 1, 1).toordinal() + day_of_year - 1.5
    days = days + seconds / 86400  # since noon of 1 January 2000
    anomaly = np.radians((357.528 + 0.9856003 * days) % 360)
    mean_longitude = (280.460 + 0.9856474 * days) % 360
    ecliptic = np.radians(mean_longitude + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    obliquity = np.radians(23.439 - 0.0000004 * days)
    right_ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(obliquity) * np.sin(ecliptic))
    sidereal = (6.697375 + 0.0657098242 * days + seconds / 3600) % 24 * 15 + longitude
    hour = np.radians(sidereal) - right_ascension
    phi = np.radians(latitude)
    up = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour)
    east = -np.cos(declination) * np.sin(hour)
    north = np.sin(declination) * np.cos(phi) - np.cos(declination) * np.sin(phi) * np.cos(hour)
    return np.degrees(np.arccos(up)), np.degrees(np.arctan2(east, north)) % 360
