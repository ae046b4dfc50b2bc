#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>

#include "base/check.h"
#include "base/thread_name.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define GLM_PAUSE() _mm_pause()
#else
#define GLM_PAUSE() std::this_thread::yield()
#endif

namespace glmocr {
namespace {
// About 50 us of pauses: longer than the gaps between the regions of one decode step, short against
// a user's patience.
constexpr int kSpins = 2000;
}  // namespace

ThreadPool::ThreadPool(int n_threads) : n_threads_(n_threads) {
  GLM_CHECK(n_threads >= 1);
  for (int i = 1; i < n_threads_; ++i) workers_.emplace_back([this, i] { Work(i); });
}

ThreadPool::~ThreadPool() {
  stop_.store(true, std::memory_order_relaxed);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::RunErased(void (*call)(void*, int), void* fn) {
  if (n_threads_ == 1) return call(fn, 0);
  call_ = call;
  fn_ = fn;
  running_.store(n_threads_ - 1, std::memory_order_relaxed);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  call(fn, 0);
  for (int spins = 0; running_.load(std::memory_order_acquire) != 0; ++spins) {
    if (spins < kSpins)
      GLM_PAUSE();
    else
      std::this_thread::yield();
  }
}

void ThreadPool::Work(int thread) {
  NameThread("compute");
  uint32_t seen = 0;
  for (;;) {
    uint32_t now = epoch_.load(std::memory_order_acquire);
    for (int spins = 0; now == seen && spins < kSpins; ++spins) {
      GLM_PAUSE();
      now = epoch_.load(std::memory_order_acquire);
    }
    while (now == seen) {
      epoch_.wait(seen, std::memory_order_acquire);
      now = epoch_.load(std::memory_order_acquire);
    }
    seen = now;
    if (stop_.load(std::memory_order_relaxed)) return;
    call_(fn_, thread);
    running_.fetch_sub(1, std::memory_order_release);
  }
}

int ThreadPool::DefaultThreads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace glmocr
