// The assignment problem: which row takes which column so that the costs are least in sum. Rows and
// columns need not be equally many; as many pairs are made as there can be.
//
// Shortest augmenting paths (Jonker and Volgenant 1987, in the form of Crouse 2016), O(n^3). Among
// equally good answers it takes the one that scipy's linear_sum_assignment takes, which
// OmniDocBench calls.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace glmocr {

// `cost` is row-major, `rows` x `columns`, finite. Returns (row, column) by ascending row.
std::vector<std::pair<size_t, size_t>> Assign(const std::vector<double>& cost, size_t rows,
                                              size_t columns);

}  // namespace glmocr
