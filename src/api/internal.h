// What the parts of the C++ interface share: errors, options and results from ours to the public
// ones and back, and what may be used in one process only. Not exported.
#pragma once

#include <unistd.h>

#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>

#include "document/page.h"
#include "glmocr/glmocr.h"
#include "media/decode.h"
#include "pipeline/page_reader.h"

namespace glmocr::v1 {

// Deletes in the process that made it, nowhere else: in a child of fork() its threads are gone and
// its locks may be held by one of them for ever.
template <typename T>
struct DeleteHere {
  pid_t pid = ::getpid();
  bool here() const { return ::getpid() == pid; }
  void operator()(T* object) const {
    if (here()) delete object;
  }
};

// What documents share with the model that they were opened with.
struct LoadedModel {
  std::unique_ptr<Recognizer> recognizer;
  std::shared_ptr<const LayoutEngine> network;  // null without LoadOptions::layout_model
  bool here() const { return ::getpid() == pid; }
  const pid_t pid = ::getpid();
};

struct Model::Impl {
  std::shared_ptr<const LoadedModel> loaded;
};

namespace [[gnu::visibility("hidden")]] internal {

Error Invalid(std::string message);
Error OutOfMemory(const char* remedy);
// Of what is used in a child of fork().
Error Forked();
Error Translate(const glmocr::Error& error);

// What a user's callback throws, on its way through Guarded and our catch clauses.
struct CallbackException {
  std::exception_ptr cause;
};

// Runs `body`; what memory or a library below throws becomes an Error, what a callback throws comes
// out.
template <typename T, typename Body>
Result<T> Guarded(const char* remedy, Body body) {
  try {
    return body();
  } catch (const CallbackException& e) {
    std::rethrow_exception(e.cause);
  } catch (const std::bad_alloc&) {
    return OutOfMemory(remedy);
  } catch (const std::length_error&) {
    return OutOfMemory(remedy);
  } catch (const std::exception& e) {
    return Error{ErrorCode::kInternal, std::string("unexpected failure: ") + e.what()};
  }
}

template <typename Enum>
bool Known(Enum value, Enum last) {
  return value >= Enum{} && value <= last;
}

Result<DecodeOptions> Translate(const ImageOptions& options);

// What Read and documents are asked alike.
struct Asked {
  Layout layout;
  Task task;
  const std::string& prompt;
  const Generation& generation;
};
Result<PageReaderOptions> Translate(const Asked& asked, const LoadedModel& model);

Region Translate(const ReadRegion& read);
// All but the error.
Result<Page> Translate(const ReadPage& read);
Warning Translate(const glmocr::Warning& warning);

}  // namespace gnu::visibility("hidden")]]internal
}  // namespace glmocr::v1
