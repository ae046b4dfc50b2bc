#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <vector>

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

// Many more threads than processors: most come late, to regions that are shut or to later ones.
TEST(ThreadPool, NobodyWorksInARegionThatHasEnded) {
  ThreadPool pool(12);
  std::atomic<int> inside{0};
  for (int round = 0; round < 3000; ++round) {
    // Of this round alone: gone when a late worker would touch it.
    auto seen = std::make_unique<std::vector<int>>(size_t{40});
    pool.For(40, 1, [&](int64_t begin, int64_t, int) {
      ++inside;
      ++(*seen)[static_cast<size_t>(begin)];
      for (int spin = 0; spin < 1000; ++spin) inside.load();  // long enough for others to come
      --inside;
    });
    ASSERT_EQ(inside, 0);
    ASSERT_EQ(*seen, std::vector<int>(40, 1));
    if (round % 100 == 0) {
      std::vector<int> calls(12);
      pool.Run([&](int thread) { ++calls[static_cast<size_t>(thread)]; });
      ASSERT_EQ(calls, std::vector<int>(12, 1));
    }
  }
}

}  // namespace
}  // namespace glmocr
