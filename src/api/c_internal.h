// What the parts of the C interface share: handles, errors, and structs that begin with their size.
#pragma once

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "glmocr/c_api.h"
#include "glmocr/glmocr.h"

struct glmocr_error {
  std::string message;
};
struct glmocr_image {
  glmocr::v1::Image image;
};
struct glmocr_model {
  glmocr::v1::Model model;
};
struct glmocr_canceller {
  std::stop_source source;
};
struct glmocr_page {
  glmocr::v1::Page page;
};

namespace [[gnu::visibility("hidden")]] glmocr_c {

// What is reported when there is no memory for a message; never freed.
glmocr_error& OutOfMemoryError();
glmocr_status Fail(const glmocr::v1::Error& e, glmocr_error** error);
glmocr::v1::Error Invalid(std::string message);

// Runs `body`, which returns an optional Error; nothing is thrown past here.
template <typename Body>
glmocr_status Guarded(glmocr_error** error, Body body) noexcept {
  using glmocr::v1::ErrorCode;
  if (error != nullptr) *error = nullptr;
  try {
    try {
      const std::optional<glmocr::v1::Error> failure = body();
      return failure ? Fail(*failure, error) : GLMOCR_OK;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& e) {
      return Fail({ErrorCode::kInternal, std::string("unexpected failure: ") + e.what()}, error);
    } catch (...) {
      return Fail({ErrorCode::kInternal, "a callback threw an exception"}, error);
    }
  } catch (...) {
    if (error != nullptr) *error = &OutOfMemoryError();
    return GLMOCR_RESOURCE_EXHAUSTED;
  }
}

constexpr size_t kSmallestStruct = 2 * sizeof(size_t);  // struct_size and a first field

// Of a struct that is as large as `size`, of which this library knows `known_size` bytes.
std::optional<glmocr::v1::Error> CheckOptions(const void* given, size_t size, size_t known_size,
                                              const char* name);

// The caller's struct, or `defaults` where it is null or of an older header.
template <typename T>
std::optional<glmocr::v1::Error> TakeOptions(const T* given, T defaults, const char* name, T* out) {
  *out = defaults;
  if (given == nullptr) return std::nullopt;
  if (auto error = CheckOptions(given, given->struct_size, sizeof(T), name)) return error;
  std::memcpy(out, given, std::min(given->struct_size, sizeof(T)));
  out->struct_size = sizeof(T);
  return std::nullopt;
}

// Defaults into a struct of the caller's size; fields that this library does not know become zero.
template <typename T>
void InitOptions(T* options, size_t struct_size, T defaults) {
  if (options == nullptr || struct_size < sizeof(size_t)) return;
  std::memset(options, 0, struct_size);
  std::memcpy(options, &defaults, std::min(struct_size, sizeof(T)));
  options->struct_size = struct_size;
}

template <typename T>
glmocr_status FillOut(T filled, T* out) {
  if (out->struct_size < kSmallestStruct) return GLMOCR_INVALID_ARGUMENT;
  const size_t size = out->struct_size;
  std::memcpy(out, &filled, std::min(size, sizeof(T)));
  if (size > sizeof(T)) std::memset(reinterpret_cast<char*>(out) + sizeof(T), 0, size - sizeof(T));
  out->struct_size = size;
  return GLMOCR_OK;
}

inline bool IsFlag(int32_t value) { return value == 0 || value == 1; }
inline const char* Text(const char* text) { return text == nullptr ? "" : text; }

// The fields of generation, which several structs have under the same names.
template <typename T>
void SetGeneration(const glmocr::v1::Generation& g, T* out) {
  out->temperature = g.temperature;
  out->top_k = g.top_k;
  out->top_p = g.top_p;
  out->min_p = g.min_p;
  out->repetition_penalty = g.repetition_penalty;
  out->presence_penalty = g.presence_penalty;
  out->frequency_penalty = g.frequency_penalty;
  out->seed = g.seed;
  out->max_new_tokens = g.max_new_tokens;
}
template <typename T>
std::optional<glmocr::v1::Error> TakeGeneration(const T& o, glmocr::v1::Generation* out) {
  *out = {.temperature = o.temperature,
          .top_k = o.top_k,
          .top_p = o.top_p,
          .min_p = o.min_p,
          .repetition_penalty = o.repetition_penalty,
          .presence_penalty = o.presence_penalty,
          .frequency_penalty = o.frequency_penalty,
          .seed = o.seed,
          .max_new_tokens = o.max_new_tokens};
  if (o.n_stop > 0 && o.stop == nullptr)
    return Invalid("stop is NULL but n_stop is " + std::to_string(o.n_stop));
  for (size_t i = 0; i < o.n_stop; ++i) {
    if (o.stop[i] == nullptr) return Invalid("stop[" + std::to_string(i) + "] is NULL");
    out->stop.emplace_back(o.stop[i]);
  }
  return std::nullopt;
}

std::optional<glmocr::v1::Error> Translate(const glmocr_image_options* given,
                                           glmocr::v1::ImageOptions* out);

inline glmocr_warning View(const glmocr::v1::Warning& warning) {
  return {.struct_size = sizeof(glmocr_warning),
          .kind = warning.kind.c_str(),
          .message = warning.message.c_str(),
          .page = warning.page};
}

// Moves a Result into a new handle of type Handle.
template <typename Handle, typename T>
std::optional<glmocr::v1::Error> Give(glmocr::v1::Result<T> result, Handle** out) {
  if (!result.ok()) return result.error();
  *out = new Handle{*std::move(result)};
  return std::nullopt;
}

template <typename Handle>
bool Reset(Handle** out) {
  if (out != nullptr) *out = nullptr;
  return out != nullptr;
}

}  // namespace gnu::visibility("hidden")]]glmocr_c
