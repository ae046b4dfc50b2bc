#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/check.h"
#include "base/machine.h"
#include "base/thread_name.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define GLM_PAUSE() _mm_pause()
#else
#define GLM_PAUSE() std::this_thread::yield()
#endif

namespace glmocr {
namespace {
// The gate: number of the region << 32 | open << 31 | workers inside.
constexpr uint64_t kOpen = uint64_t{1} << 31;
uint32_t Number(uint64_t gate) { return static_cast<uint32_t>(gate >> 32); }
uint64_t Inside(uint64_t gate) { return gate & (kOpen - 1); }

// Waiting, one turn: the first turns are short, for the other thread is about to be done. The later
// ones offer the processor to whoever wants it, 0.3 us where nobody does.
class Turns {
 public:
  void Wait() {
    if (n_ < kPauses)
      GLM_PAUSE();
    else
      sched_yield();
    if (!Long()) ++n_;
  }
  // About 50 us: longer than the gaps between the regions of one decode step, short against a
  // user's patience.
  bool Long() const { return n_ >= kPauses + 100; }

 private:
  static constexpr int kPauses = 100;
  int n_ = 0;
};
}  // namespace

ThreadPool::ThreadPool(int n_threads) : n_threads_(n_threads) {
  GLM_CHECK(n_threads >= 1);
  try {
    for (int i = 1; i < n_threads_; ++i) workers_.emplace_back([this, i] { Work(i); });
  } catch (...) {  // the system has no more threads, or no memory: those that run end
    End();
    throw;
  }
}

ThreadPool::~ThreadPool() { End(); }

void ThreadPool::End() {
  stop_.store(true, std::memory_order_relaxed);
  NextRegion(0);
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::NextRegion(uint64_t open) {
  const uint32_t number = epoch_.load(std::memory_order_relaxed) + 1;
  gate_.store(uint64_t{number} << 32 | open, std::memory_order_release);
  epoch_.store(number, std::memory_order_release);
  epoch_.notify_all();
}

void ThreadPool::OpenErased(void (*call)(void*, int), void* fn) {
  if (n_threads_ == 1) return call(fn, 0);
  call_ = call;
  fn_ = fn;
  NextRegion(kOpen);
  call(fn, 0);
  gate_.fetch_and(~kOpen, std::memory_order_relaxed);
  for (Turns turns; Inside(gate_.load(std::memory_order_acquire)) != 0;) turns.Wait();
}

void ThreadPool::Work(int thread) {
  NameThread("compute");
  uint32_t seen = 0;
  for (;;) {
    uint64_t gate = gate_.load(std::memory_order_acquire);
    for (Turns turns; Number(gate) == seen;) {
      if (turns.Long())
        epoch_.wait(seen, std::memory_order_acquire);
      else
        turns.Wait();
      gate = gate_.load(std::memory_order_acquire);
    }
    while ((gate & kOpen) != 0 &&
           !gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acquire)) {
    }
    seen = Number(gate);
    if (stop_.load(std::memory_order_relaxed)) return;
    if ((gate & kOpen) == 0) continue;
    call_(fn_, thread);
    gate_.fetch_sub(1, std::memory_order_release);
  }
}

int ThreadPool::DefaultThreads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int n = static_cast<int>(std::thread::hardware_concurrency());
  if (sched_getaffinity(0, sizeof(set), &set) == 0) n = CPU_COUNT(&set);
  // Threads beyond a container's share of time only make the others wait for them.
  if (const std::optional<double> limit = ProcessorLimit())
    n = std::min(n, static_cast<int>(std::ceil(*limit)));
  return std::max(1, n);
}

}  // namespace glmocr
