// How much work a recogniser holds, over all page readers that share it: enough crops to keep every
// batch full, few enough that neither a thousand pages nor a hundred callers pile up pixels or
// overflow the engine's queue. Readers are let in in the order they asked.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>

namespace glmocr {

struct InFlight {
  static constexpr int64_t kMaxCrops = 256;
  static constexpr int64_t kMaxPatches =
      32768;  // 150 MB of pixel values; a single larger picture may pass alone

  std::mutex mutex;  // of everything below and of what readers share with the engine's thread
  std::condition_variable changed;

  // All of these with the lock held.
  uint64_t Queue() {
    waiting.insert(next_ticket);
    return next_ticket++;
  }
  bool MayEnter(uint64_t ticket, int64_t n_patches) const {
    return *waiting.begin() == ticket &&
           (crops == 0 || (crops < kMaxCrops && patches + n_patches <= kMaxPatches));
  }
  // The ticket's holder is in, or has given up.
  void Unqueue(uint64_t ticket) {
    waiting.erase(ticket);
    Notify();
  }
  void Notify() {
    ++version;
    changed.notify_all();
  }

  int64_t crops = 0, patches = 0;
  uint64_t version = 0;  // counts Notify, so that a waiter can tell whether it missed one
  std::set<uint64_t> waiting;
  uint64_t next_ticket = 0;
};

}  // namespace glmocr
