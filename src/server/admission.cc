#include "server/admission.h"

#include <algorithm>
#include <utility>

#include "base/seconds_since.h"

namespace glmocr::server {

struct Admission::State {
  const int64_t limit;
  const std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
  std::mutex mutex;
  int64_t active = 0, refused = 0, left = 0;
  std::map<std::string, int64_t> by_owner;  // of those that hold something

  // With the lock.
  bool HasRoom(const std::string& owner, int64_t more) {
    if (more > limit - active) return false;
    if (limit < kMinShared) return true;
    const auto held = by_owner.find(owner);
    const int64_t own = held == by_owner.end() ? 0 : held->second;
    // The least that an owner may hold is one sixteenth: sums of small places never starve.
    return own + more <= std::max(kShare * (limit - active - more), limit / kMinShared);
  }
  void Add(const std::string& owner, int64_t more) {
    active += more;
    const auto held = by_owner.try_emplace(owner, 0).first;
    if ((held->second += more) <= 0) by_owner.erase(held);
  }
};

Admission::Admission(int64_t limit) : state_(new State{.limit = limit}) {}

Admission::Ticket Admission::TryEnter(const std::string& owner, int64_t n) {
  auto place = std::make_shared<Place>(state_, owner, 0);
  return place->Resize(n) ? place : nullptr;
}

int64_t Admission::active() const {
  std::lock_guard lock(state_->mutex);
  return state_->active;
}

int64_t Admission::refused() const {
  std::lock_guard lock(state_->mutex);
  return state_->refused;
}

double Admission::RetryAfterSeconds() const {
  std::lock_guard lock(state_->mutex);
  const double age = SecondsSince(state_->begun);
  const double rate = static_cast<double>(state_->left) / std::max(1.0, age);
  return std::clamp(1 / std::max(rate, 0.02), 1.0, 30.0);
}

bool Admission::Place::Resize(int64_t n) {
  std::lock_guard lock(state_->mutex);
  if (left_) return false;
  if (n > n_ && !state_->HasRoom(owner_, n - n_)) {
    ++state_->refused;
    return false;
  }
  state_->Add(owner_, n - n_);
  n_ = n;
  return true;
}

void Admission::Place::Leave() {
  std::lock_guard lock(state_->mutex);
  if (std::exchange(left_, true)) return;
  if (n_ == 0) return;
  state_->Add(owner_, -n_);
  state_->left += n_;
}

}  // namespace glmocr::server
