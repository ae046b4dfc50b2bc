#include "eval/assignment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace glmocr {
namespace {

double CostOf(const std::vector<std::pair<size_t, size_t>>& pairs, const std::vector<double>& cost,
              size_t columns) {
  double sum = 0;
  for (const auto& [r, c] : pairs) sum += cost[r * columns + c];
  return sum;
}

TEST(Assignment, WorkedExample) {
  // 1 + 2 + 2: the least there is.
  const std::vector<double> cost = {4, 1, 3, 2, 0, 5, 3, 2, 2};
  const auto pairs = Assign(cost, 3, 3);
  EXPECT_EQ(pairs, (std::vector<std::pair<size_t, size_t>>{{0, 1}, {1, 0}, {2, 2}}));
}

TEST(Assignment, NothingToAssign) {
  EXPECT_TRUE(Assign({}, 0, 3).empty());
  EXPECT_TRUE(Assign({}, 3, 0).empty());
}

TEST(Assignment, LeastOfAllWays) {
  std::mt19937 rng(1);
  for (int trial = 0; trial < 300; ++trial) {
    const size_t rows = 1 + rng() % 6, columns = 1 + rng() % 6;
    std::vector<double> cost(rows * columns);
    for (double& c : cost) c = static_cast<double>(rng() % 10) / 10;
    const auto pairs = Assign(cost, rows, columns);
    ASSERT_EQ(pairs.size(), std::min(rows, columns));
    std::vector<char> used(columns);
    for (size_t i = 0; i < pairs.size(); ++i) {
      if (i > 0) {
        ASSERT_LT(pairs[i - 1].first, pairs[i].first);
      }
      ASSERT_FALSE(used[pairs[i].second]);
      used[pairs[i].second] = 1;
    }
    // All ways to give the shorter side places on the longer one.
    const size_t longer = std::max(rows, columns);
    std::vector<size_t> order(longer);
    std::iota(order.begin(), order.end(), 0);
    double least = 1e9;
    do {
      double sum = 0;
      for (size_t i = 0; i < std::min(rows, columns); ++i) {
        sum += rows <= columns ? cost[i * columns + order[i]] : cost[order[i] * columns + i];
      }
      least = std::min(least, sum);
    } while (std::next_permutation(order.begin(), order.end()));
    ASSERT_NEAR(CostOf(pairs, cost, columns), least, 1e-9);
  }
}

}  // namespace
}  // namespace glmocr
