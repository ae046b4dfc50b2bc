// Threads that prepare requests (parse, decode, tokenise), and how many requests may be under way.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace glmocr::server {

class WorkQueue {
 public:
  explicit WorkQueue(int n_threads);
  ~WorkQueue();  // what is queued is dropped; what runs ends first
  // Any thread. What `task` throws is lost.
  void Post(std::function<void()> task);
  size_t size() const;

 private:
  void Run();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// Counts what is under way; more than the limit is not let in.
class Admission {
 public:
  explicit Admission(int64_t limit) : state_(std::make_shared<State>()) { state_->limit = limit; }

  class Place;
  // A place; given back when the last copy goes, or by its Leave.
  using Ticket = std::shared_ptr<Place>;
  // Null when `n` more would be too many.
  Ticket TryEnter(int64_t n = 1);
  int64_t active() const { return state_->active; }
  int64_t refused() const { return state_->refused; }
  // Seconds until a place is likely to be free: from the rate of the last minute.
  double RetryAfterSeconds() const;

 private:
  struct State {
    int64_t limit = 0;
    std::atomic<int64_t> active{0}, refused{0};
    std::atomic<int64_t> left{0};  // since the start
    std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
  };
  std::shared_ptr<State> state_;
};

class Admission::Place {
 public:
  Place(std::shared_ptr<State> state, int64_t n) : state_(std::move(state)), n_(n) {}
  ~Place() { Leave(); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  // Gives it back now, once: before an answer goes out, whose client may ask again at once.
  void Leave();

 private:
  const std::shared_ptr<State> state_;
  const int64_t n_;
  std::atomic<bool> left_{false};
};

}  // namespace glmocr::server
