#include "pdf/worker_pool.h"

#include <algorithm>
#include <utility>

namespace glmocr::pdf {
namespace {

// Whatever a worker has been made into, it does not stay.
constexpr int kMaxDocuments = 256;

}  // namespace

std::unique_ptr<WorkerProcess> WorkerPool::Take(const WorkerOptions& options,
                                                const std::string& owner) {
  for (;;) {
    std::unique_ptr<WorkerProcess> worker;
    {
      std::lock_guard lock(mutex_);
      // The last one's memory is warmest.
      const auto found = std::find_if(idle_.rbegin(), idle_.rend(), [&](const Idle& idle) {
        return idle.owner == owner && idle.options == options;
      });
      if (found == idle_.rend()) return nullptr;
      worker = std::move(found->worker);
      idle_.erase(std::next(found).base());
    }
    if (worker->Quiet()) return worker;  // else it has died, or speaks unasked: killed here
  }
}

void WorkerPool::GiveBack(const WorkerOptions& options, const std::string& owner,
                          std::unique_ptr<WorkerProcess> worker) {
  if (++worker->n_documents >= kMaxDocuments || !worker->Quiet()) return;
  std::unique_ptr<WorkerProcess> leaves;  // killed without the lock
  std::lock_guard lock(mutex_);
  idle_.push_back({options, owner, std::move(worker)});
  if (idle_.size() <= max_idle_) return;
  leaves = std::move(idle_.front().worker);
  idle_.pop_front();
}

size_t WorkerPool::n_idle() const {
  std::lock_guard lock(mutex_);
  return idle_.size();
}

}  // namespace glmocr::pdf
