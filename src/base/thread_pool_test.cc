#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <numeric>

namespace glmocr {
namespace {

TEST(ThreadPool, CallsEveryThreadOnceEachTime) {
  ThreadPool pool(3);
  std::vector<int> calls(3);
  for (int i = 0; i < 1000; ++i) pool.Run([&](int t) { ++calls[t]; });
  EXPECT_EQ(calls, std::vector<int>({1000, 1000, 1000}));
}

TEST(ThreadPool, ForCoversTheRangeExactlyOnce) {
  for (int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    for (int64_t n : {0, 1, 7, 100, 1001}) {
      std::vector<int> seen(n);
      pool.For(n, 8, [&](int64_t b, int64_t e, int) {
        for (int64_t i = b; i < e; ++i) ++seen[i];
      });
      EXPECT_EQ(std::accumulate(seen.begin(), seen.end(), 0), n);
      for (int s : seen) EXPECT_EQ(s, 1);
    }
  }
}

TEST(ThreadPool, WakesSleepingWorkers) {
  ThreadPool pool(2);
  std::atomic<int> calls{0};
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    pool.Run([&](int) { ++calls; });
  }
  EXPECT_EQ(calls, 6);
}

}  // namespace
}  // namespace glmocr
