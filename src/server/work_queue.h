// Threads that prepare requests: parse, decode, tokenise.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace glmocr::server {

class WorkQueue {
 public:
  explicit WorkQueue(int n_threads);
  ~WorkQueue();  // what is queued is dropped; what runs ends first
  // Any thread. What `task` throws is lost. Owners (keys, addresses) take turns, so that what one
  // of them has queued does not keep the others waiting; tasks of one owner keep their order.
  void Post(const std::string& owner, std::function<void()> task);
  size_t size() const;

 private:
  void End();
  void Run();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::deque<std::function<void()>>> tasks_;  // none is empty
  std::deque<std::string> turns_;  // the owners in `tasks_`, next one first
  size_t size_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace glmocr::server
