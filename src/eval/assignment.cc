#include "eval/assignment.h"

#include <algorithm>
#include <limits>

namespace glmocr {

std::vector<std::pair<size_t, size_t>> Assign(const std::vector<double>& cost, size_t rows,
                                              size_t columns) {
  std::vector<std::pair<size_t, size_t>> pairs;
  if (rows == 0 || columns == 0) return pairs;
  if (rows > columns) {
    std::vector<double> transposed(cost.size());
    for (size_t r = 0; r < rows; ++r) {
      for (size_t c = 0; c < columns; ++c) transposed[c * rows + r] = cost[r * columns + c];
    }
    pairs = Assign(transposed, columns, rows);
    for (auto& pair : pairs) std::swap(pair.first, pair.second);
    std::sort(pairs.begin(), pairs.end());
    return pairs;
  }
  constexpr size_t kNone = std::numeric_limits<size_t>::max();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<double> row_price(rows, 0), column_price(columns, 0), path_cost(columns);
  std::vector<size_t> column_of(rows, kNone), row_of(columns, kNone), previous(columns);
  std::vector<size_t> open(columns);
  std::vector<char> row_seen(rows), column_seen(columns);
  for (size_t start = 0; start < rows; ++start) {
    std::fill(path_cost.begin(), path_cost.end(), kInfinity);
    std::fill(row_seen.begin(), row_seen.end(), 0);
    std::fill(column_seen.begin(), column_seen.end(), 0);
    // Columns not yet reached, from the last to the first: decides between equal costs.
    for (size_t i = 0; i < columns; ++i) open[i] = columns - i - 1;
    size_t n_open = columns, row = start, end = kNone;
    double least = 0;
    while (end == kNone) {
      row_seen[row] = 1;
      size_t best = kNone;
      double lowest = kInfinity;
      for (size_t i = 0; i < n_open; ++i) {
        const size_t c = open[i];
        const double reduced = least + cost[row * columns + c] - row_price[row] - column_price[c];
        if (reduced < path_cost[c]) {
          previous[c] = row;
          path_cost[c] = reduced;
        }
        // Of equally near columns one that is free ends the search.
        if (path_cost[c] < lowest || (path_cost[c] == lowest && row_of[c] == kNone)) {
          lowest = path_cost[c];
          best = i;
        }
      }
      least = lowest;
      const size_t c = open[best];
      if (row_of[c] == kNone) {
        end = c;
      } else {
        row = row_of[c];
      }
      column_seen[c] = 1;
      open[best] = open[--n_open];
    }
    row_price[start] += least;
    for (size_t r = 0; r < rows; ++r) {
      if (row_seen[r] && r != start) row_price[r] += least - path_cost[column_of[r]];
    }
    for (size_t c = 0; c < columns; ++c) {
      if (column_seen[c]) column_price[c] -= least - path_cost[c];
    }
    for (size_t c = end;;) {
      const size_t r = previous[c];
      row_of[c] = r;
      std::swap(column_of[r], c);
      if (r == start) break;
    }
  }
  for (size_t r = 0; r < rows; ++r) pairs.emplace_back(r, column_of[r]);
  return pairs;
}

}  // namespace glmocr
