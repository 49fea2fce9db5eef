"""Averages of measured temperatures, and how uncertain they are."""

from __future__ import annotations

from lst_raster.physics.arrays import Array, namespace


def inverse_variance(uncertainty: Array) -> Array:
    """Weight with which the weighted mean of independent measurements of one quantity has the least uncertainty.

    Parameters
    ----------
    uncertainty : array, any shape
        Standard uncertainty of each measurement. [K]

    Returns
    -------
    array
        Weight, ``1 / u**2``. [K-2]

    References
    ----------
    A. C. Aitken, Proc. R. Soc. Edinburgh 55, 42 (1935), doi:10.1017/S0370164600014346
    """
    return 1.0 / (uncertainty * uncertainty)


def uncertainty_if_independent(variances: Array, weights: Array) -> Array:
    """Uncertainty of a weighted mean where the errors of no two measurements have to do with each other.

    ``u = sqrt(sum(w**2 u_i**2)) / sum(w)``. It is the least that the uncertainty can be, unless errors cancel.

    Parameters
    ----------
    variances : array, any shape
        Sum of the measurements' squared weight times squared uncertainty; with weights in K-2 in K-2.
    weights : array
        Sum of their weights. [K-2], or [1] for a plain mean

    Returns
    -------
    array
        Standard uncertainty. [K]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 10.
    """
    xp = namespace(variances, weights)
    return xp.sqrt(variances) / weights


def uncertainty_if_common(deviations: Array, weights: Array) -> Array:
    """Uncertainty of a weighted mean where all measurements err together.

    ``u = sum(w u_i) / sum(w)``, with every coefficient of correlation 1. It is the most that the uncertainty can be.

    Parameters
    ----------
    deviations : array, any shape
        Sum of the measurements' weight times uncertainty; with weights in K-2 in K-1.
    weights : array
        Sum of their weights. [K-2], or [1] for a plain mean

    Returns
    -------
    array
        Standard uncertainty. [K]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, note 1 of 5.2.2.
    """
    return deviations / weights
