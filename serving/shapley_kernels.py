"""Compiled Shapley values of trees.

The conventions of `features.kernels` hold here.
"""

from __future__ import annotations

import numpy as np

from features.kernels import compiled


@compiled
def leaf_codes(left, node, goes_left, start, first, width):
    """Return (rows, leaves) codes: a bit says whether one of the leaf's players meets its conditions.

    `left` (rows, nodes) says where rows go. The conditions of a player are `node` and `goes_left` from `start[slot]` to
    `start[slot + 1]`; its slot is `first` of the leaf plus its bit.
    """
    codes = np.zeros((len(left), len(width)), np.int64)
    for row in range(len(left)):
        for leaf in range(len(width)):
            for bit in range(width[leaf]):
                met = True
                for place in range(start[first[leaf] + bit], start[first[leaf] + bit + 1]):
                    met &= left[row, node[place]] == goes_left[place]
                codes[row, leaf] |= met << bit
    return codes


@compiled
def leaf_values(codes, value, width, first, player, output, seen, share, start, mean, weight, base, parts):
    """Add the background's mean to `base` (rows, outputs), and Shapley values to `parts` (rows, outputs, players).

    Codes are those of `leaf_codes`. Whoever starts from a row b of the background and takes over some players from the
    explained row x ends in the leaf where each player meets its conditions with the value that it then has. So players
    that only x has must all be taken over, players that only b has must not be, and the leaf's value is paid for that:
    `weight[p, q]` is p! q! / (p + q + 1)!.

    `codes` is (rows, leaves), negative where the leaf is out of reach anyway; `value`, `width`, `first`, `output` and
    `mean` are (leaves,); the players of a leaf are `player[first : first + width]`. The codes of the background, each
    once with its share of the rows, are `seen[start[leaf] : start[leaf + 1]]`, and `share` at the same places.
    """
    for row in range(len(codes)):
        for leaf in range(len(value)):
            mine = codes[row, leaf]
            if mine < 0:
                continue
            base[row, output[leaf]] += mean[leaf]
            everybody = (1 << width[leaf]) - 1
            for place in range(start[leaf], start[leaf + 1]):
                other = seen[place]
                if mine | other != everybody:
                    continue
                joining, leaving = 0, 0
                for bit in range(width[leaf]):
                    joining += (mine & ~other) >> bit & 1
                    leaving += (other & ~mine) >> bit & 1
                paid = value[leaf] * share[place]
                for bit in range(width[leaf]):
                    if (mine & ~other) >> bit & 1:
                        parts[row, output[leaf], player[first[leaf] + bit]] += paid * weight[joining - 1, leaving]
                    elif (other & ~mine) >> bit & 1:
                        parts[row, output[leaf], player[first[leaf] + bit]] -= paid * weight[joining, leaving - 1]
