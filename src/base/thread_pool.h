// A fork-join pool for kernels. The caller is thread 0. Not reentrant: one call of Run or For at a
// time, from one thread.
//
// Why not a task queue: one decode step runs ~100 parallel regions of 20-500 us, so the cost of
// starting one must be about a microsecond. Workers spin briefly for the next region, then sleep on
// a futex (std::atomic::wait), so that an idle process uses no CPU.
//
// Where other threads use the same processors (a server's), two things keep them from holding up
// the kernels for longer than they run: a worker that has not come by the time the work of a For is
// taken is not waited for, and whoever waits offers the processor to others all the while, so that
// they run between the regions and not in the middle of one.
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

  // Calls fn(0) .. fn(n_threads - 1), one call per thread, and returns when all are done. fn must
  // not throw.
  template <typename Fn>
  void Run(Fn&& fn) {
    std::atomic<int> came{0};
    Open([&](int thread) {
      came.fetch_add(1, std::memory_order_relaxed);
      fn(thread);
      while (thread == 0 && came.load(std::memory_order_relaxed) < n_threads_)
        std::this_thread::yield();
    });
  }

  // Splits [0, n) into chunks of `grain` that threads take as they become free: fn(begin, end,
  // thread_index). fn must not throw.
  template <typename Fn>
  void For(int64_t n, int64_t grain, Fn&& fn) {
    if (n <= grain || n_threads_ == 1) {
      if (n > 0) fn(int64_t{0}, n, 0);
      return;
    }
    std::atomic<int64_t> next{0};
    Open([&](int thread) {
      for (int64_t begin; (begin = next.fetch_add(grain, std::memory_order_relaxed)) < n;) {
        fn(begin, begin + grain < n ? begin + grain : n, thread);
      }
    });
  }

  // Default number of threads: the processors this process may run on, by its affinity and the
  // limits of its control groups (containers); at least 1.
  static int DefaultThreads();

 private:
  void End();
  // Calls fn on this thread and on every worker that comes before this thread's call returns, and
  // waits for those that came.
  template <typename Fn>
  void Open(Fn&& fn) {
    using F = std::remove_reference_t<Fn>;
    OpenErased([](void* f, int thread) { (*static_cast<F*>(f))(thread); },
               const_cast<void*>(static_cast<const void*>(&fn)));
  }
  void OpenErased(void (*call)(void*, int), void* fn);
  void NextRegion(uint64_t open);
  void Work(int thread);

  const int n_threads_;
  std::vector<std::thread> workers_;
  // The region: written while the gate is shut and nobody is inside, read by who came in.
  void (*call_)(void*, int) = nullptr;
  void* fn_ = nullptr;
  // The region's number, whether it is open, how many workers are inside: thread_pool.cc. One word,
  // so that a late worker cannot come into a region that was shut.
  alignas(64) std::atomic<uint64_t> gate_{0};
  alignas(64) std::atomic<uint32_t> epoch_{0};  // the region's number again, to sleep on
  std::atomic<bool> stop_{false};
};

}  // namespace glmocr
