#include "server/work_queue.h"

#include <algorithm>
#include <utility>

#include "base/thread_name.h"

namespace glmocr::server {

WorkQueue::WorkQueue(int n_threads) {
  for (int i = 0; i < n_threads; ++i) threads_.emplace_back([this] { Run(); });
}

WorkQueue::~WorkQueue() {
  std::deque<std::function<void()>> dropped;  // their destructors answer clients; not with the lock
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(tasks_);
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkQueue::Post(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
}

size_t WorkQueue::size() const {
  std::lock_guard lock(mutex_);
  return tasks_.size();
}

void WorkQueue::Run() {
  NameThread("prepare");
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (stopping_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    try {
      task();
    } catch (...) {  // NOLINT(bugprone-empty-catch): out of memory; its responder answers 500
    }
  }
}

Admission::Ticket Admission::TryEnter(int64_t n) {
  if ((state_->active += n) > state_->limit) {
    state_->active -= n;
    ++state_->refused;
    return nullptr;
  }
  return std::make_shared<Place>(state_, n);
}

void Admission::Place::Leave() {
  if (left_.exchange(true)) return;
  state_->active -= n_;
  state_->left += n_;
}

double Admission::RetryAfterSeconds() const {
  const double age =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - state_->begun).count();
  const double rate = static_cast<double>(state_->left) / std::max(1.0, age);
  return std::clamp(1 / std::max(rate, 0.02), 1.0, 30.0);
}

}  // namespace glmocr::server
