// Result<T>: how every fallible operation of this project reports failure.
//
// What: a value or an Error. Why: g++ 12 has no std::expected, and exceptions must not cross folder
// borders. How:
//   Result<Image> r = Decode(bytes);
//   if (!r.ok()) return r.error().With("while reading 'page.png'");
//   Use(*r);
// or, inside a function that itself returns Result:
//   GLM_ASSIGN(Image image, Decode(bytes));
//   GLM_RETURN_IF_ERROR(Write(path));
// Error messages name the input, say what is wrong and what to do next; they are shown to users
// unchanged. Programming errors (broken invariants) use GLM_CHECK from base/check.h instead.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace glmocr {

enum class ErrorCode {
  kInvalidArgument,    // the caller's request or option is malformed
  kNotFound,           // a file, tensor or name does not exist
  kCorrupt,            // foreign bytes break their own format
  kUnsupported,        // well-formed, but not something this program does
  kResourceExhausted,  // disk, context length or a configured limit
  kOutOfMemory,        // of this process or machine
  kUnavailable,        // not now: too much is queued; try again later
  kCancelled,          // by the caller, a signal or a deadline
  kIo,                 // the operating system said no
  kInternal,           // a third-party library failed without a better reason
};

// Lower-case name of the code, e.g. "not found".
std::string_view ErrorCodeName(ErrorCode code);

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;

  // The same error with `context` in front: "context: message".
  Error With(std::string_view context) const {
    return Error{code, std::string(context) + ": " + message};
  }
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    GLM_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    GLM_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    GLM_CHECK(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    GLM_CHECK(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, Error> state_;
};

// The result of an operation that yields nothing but success.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)
  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    GLM_CHECK(!ok());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};
using Status = Result<void>;
inline Status OkStatus() { return {}; }

#define GLM_CONCAT_INNER(a, b) a##b
#define GLM_CONCAT(a, b) GLM_CONCAT_INNER(a, b)
#define GLM_ASSIGN_IMPL(tmp, decl, expr) \
  auto tmp = (expr);                     \
  if (!tmp.ok()) return tmp.error();     \
  decl = std::move(tmp).value()
#define GLM_ASSIGN(decl, expr) GLM_ASSIGN_IMPL(GLM_CONCAT(glm_result_, __LINE__), decl, expr)
#define GLM_RETURN_IF_ERROR(expr)                    \
  do {                                               \
    auto glm_status = (expr);                        \
    if (!glm_status.ok()) return glm_status.error(); \
  } while (false)

}  // namespace glmocr
