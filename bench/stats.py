# SPDX-License-Identifier: MIT
"""Medians of paired ratios, with intervals that assume nothing about the distribution."""

import math
import statistics


def median(values):
    return statistics.median(values)


def ratios(ours, theirs):
    """One ratio a pair: what the machine did to both at that moment cancels out."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def interval(values, confidence=0.95):
    """
    The confidence interval of the median by order statistics: the k-th smallest and k-th largest value enclose it
    unless fewer than k of n fell on one side, which has the odds of n coin throws. None when there are too few values.
    """
    ordered, count = sorted(values), len(values)
    tail, best = 0.0, None
    for k in range(1, count // 2 + 1):
        tail += math.comb(count, k - 1) / 2 ** count
        if 1 - 2 * tail < confidence:
            break
        best = ordered[k - 1], ordered[count - k]
    return best
