// Workers that have read a picture and wait for the next one of the same owner. Starting one takes
// some 8 ms of processor time, as much as a small model needs for a line.
//
// What a hostile picture makes of a worker can reach that owner's later pictures, and nobody
// else's; a worker is replaced after some pictures and after every failure.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "pdf/worker_process.h"

namespace glmocr::pdf {

// Any thread.
class WorkerPool {
 public:
  // At most `max_idle` wait; the one that has waited longest makes room.
  explicit WorkerPool(size_t max_idle) : max_idle_(max_idle) {}

  // One that has been given back with the same options and owner, or null.
  std::unique_ptr<WorkerProcess> Take(const WorkerOptions& options, const std::string& owner);
  // After a document that it read without a failure; all its replies have been read.
  void GiveBack(const WorkerOptions& options, const std::string& owner,
                std::unique_ptr<WorkerProcess> worker);
  size_t n_idle() const;

 private:
  struct Idle {
    WorkerOptions options;
    std::string owner;
    std::unique_ptr<WorkerProcess> worker;
  };

  const size_t max_idle_;
  mutable std::mutex mutex_;
  std::list<Idle> idle_;  // longest waiting first
};

}  // namespace glmocr::pdf
