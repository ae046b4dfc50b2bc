// How much of something may be under way: requests, bytes of bodies, bytes that clients have not
// taken yet. More than the limit is not let in, and no owner (an API key, or without keys an
// address) takes so much that others find nothing: an owner may hold `kShare` times what is free.
// One owner alone gets three quarters of the limit, two that want all they can get three sevenths
// each, and whoever comes new finds room however many there are. (The dynamic thresholds of shared
// memory switches: Choudhury and Hahne 1998.)
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace glmocr::server {

// Any thread.
class Admission {
 public:
  static constexpr int64_t kShare = 3;

  // Limits below `kMinShared` are given to whoever comes first: there is nothing to share.
  static constexpr int64_t kMinShared = 16;
  explicit Admission(int64_t limit);

  class Place;
  // A place; given back when the last copy goes, or by its Leave.
  using Ticket = std::shared_ptr<Place>;
  // Null when `n` more would be too many, in sum or for the owner.
  Ticket TryEnter(const std::string& owner, int64_t n = 1);
  int64_t active() const;
  int64_t refused() const;
  // Seconds until a place is likely to be free: from the rate since the start.
  double RetryAfterSeconds() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

class Admission::Place {
 public:
  Place(std::shared_ptr<State> state, std::string owner, int64_t n)
      : state_(std::move(state)), owner_(std::move(owner)), n_(n) {}
  ~Place() { Leave(); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  // Holds `n` in all from now on. False when that would be too many: it holds what it held before.
  bool Resize(int64_t n);
  // Gives it back now, once: before an answer goes out, whose client may ask again at once.
  void Leave();

 private:
  const std::shared_ptr<State> state_;
  const std::string owner_;
  int64_t n_;  // guarded by the state's mutex
  bool left_ = false;
};

}  // namespace glmocr::server
