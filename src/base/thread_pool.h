// A fork-join pool for kernels: Run(fn) calls fn(0) .. fn(n_threads-1), one call per thread, and
// returns when all are done.
//
// Why not a task queue: one decode step runs ~100 parallel regions of 20-500 us, so the cost of
// starting one must be about a microsecond. Workers spin briefly for the next region, then sleep on
// a futex (std::atomic::wait), so that an idle process uses no CPU. The caller is thread 0. Not
// reentrant: only one Run at a time, from one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace glmocr {

class ThreadPool {
 public:
  // n_threads >= 1, the caller included.
  explicit ThreadPool(int n_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int n_threads() const { return n_threads_; }

  // Calls fn(thread_index) on every thread. fn must not throw.
  template <typename Fn>
  void Run(Fn&& fn) {
    using F = std::remove_reference_t<Fn>;
    RunErased([](void* f, int thread) { (*static_cast<F*>(f))(thread); },
              const_cast<void*>(static_cast<const void*>(&fn)));
  }

  // Splits [0, n) into chunks of `grain` that threads take as they become free: fn(begin, end,
  // thread_index).
  template <typename Fn>
  void For(int64_t n, int64_t grain, Fn&& fn) {
    if (n <= grain || n_threads_ == 1) {
      if (n > 0) fn(int64_t{0}, n, 0);
      return;
    }
    std::atomic<int64_t> next{0};
    Run([&](int thread) {
      for (int64_t begin; (begin = next.fetch_add(grain, std::memory_order_relaxed)) < n;) {
        fn(begin, begin + grain < n ? begin + grain : n, thread);
      }
    });
  }

  // Default number of threads: the processors this process may run on (affinity and cgroup
  // respected where the C library does).
  static int DefaultThreads();

 private:
  void RunErased(void (*call)(void*, int), void* fn);
  void Work(int thread);

  const int n_threads_;
  std::vector<std::thread> workers_;
  void (*call_)(void*, int) = nullptr;
  void* fn_ = nullptr;
  alignas(64) std::atomic<uint32_t> epoch_{0};
  alignas(64) std::atomic<int> running_{0};
  std::atomic<bool> stop_{false};
};

}  // namespace glmocr
