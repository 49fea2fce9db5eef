"""Physical constants, each with its unit and source."""

from __future__ import annotations

SPEED_OF_LIGHT = 2.99792458e8  # [m s-1], exact, SI 2019
PLANCK = 6.62607015e-34  # [J s], exact, SI 2019
BOLTZMANN = 1.380649e-23  # [J K-1], exact, SI 2019
AVOGADRO = 6.02214076e23  # [mol-1], exact, SI 2019
STEFAN_BOLTZMANN = 5.670374419e-8  # [W m-2 K-4], CODATA 2018: 2 pi^5 k^4 / (15 h^3 c^2)

# First radiation constant for spectral radiance, 2 h c^2, with radiance per um. [W um4 m-2 sr-1]
C1 = 2.0 * PLANCK * SPEED_OF_LIGHT**2 * 1e24
# Second radiation constant, h c / k. [um K]
C2 = PLANCK * SPEED_OF_LIGHT / BOLTZMANN * 1e6

STANDARD_PRESSURE = 1013.25  # at sea level in the standard atmosphere [hPa], ISO 2533
GRAVITY = 9.80665  # standard acceleration of free fall [m s-2], CGPM 1901
MOLAR_MASS_DRY_AIR = 28.9647e-3  # [kg mol-1], ISO 2533 / US Standard Atmosphere
MOLAR_MASS_WATER = 18.01528e-3  # [kg mol-1], IAPWS
GAS_CONSTANT_DRY_AIR = 287.05  # [J kg-1 K-1], ISO 2533
EPSILON_WATER = MOLAR_MASS_WATER / MOLAR_MASS_DRY_AIR  # ratio of molar masses, 0.622
DIFFUSIVITY_FACTOR = 1.66  # effective slant path of hemispheric radiation, Elsasser (1942), Harvard Met. Studies 6
