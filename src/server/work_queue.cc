#include "server/work_queue.h"

#include <algorithm>
#include <utility>

#include "base/thread_name.h"

namespace glmocr::server {

WorkQueue::WorkQueue(int n_threads) {
  try {
    for (int i = 0; i < n_threads; ++i) threads_.emplace_back([this] { Run(); });
  } catch (...) {  // the system has no more threads: those that run end
    End();
    throw;
  }
}

WorkQueue::~WorkQueue() { End(); }

void WorkQueue::End() {
  decltype(tasks_) dropped;  // their destructors answer clients; not with the lock
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(tasks_);
    turns_.clear();
    size_ = 0;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkQueue::Post(const std::string& owner, std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    const auto [queue, is_new] = tasks_.try_emplace(owner);
    if (is_new) turns_.push_back(owner);
    queue->second.push_back(std::move(task));
    ++size_;
  }
  changed_.notify_one();
}

size_t WorkQueue::size() const {
  std::lock_guard lock(mutex_);
  return size_;
}

void WorkQueue::Run() {
  NameThread("prepare");
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || size_ > 0; });
      if (stopping_) return;
      const auto queue = tasks_.find(turns_.front());
      task = std::move(queue->second.front());
      queue->second.pop_front();
      --size_;
      if (queue->second.empty()) {
        tasks_.erase(queue);
      } else {
        turns_.push_back(std::move(turns_.front()));
      }
      turns_.pop_front();
    }
    try {
      task();
    } catch (...) {  // NOLINT(bugprone-empty-catch): out of memory; its responder answers 500
    }
  }
}

}  // namespace glmocr::server
