#include "jobs/page_checkpoints.h"

#include <fmt/format.h>

#include <new>
#include <utility>

#include "base/file.h"
#include "format/page_checkpoint.h"

namespace glmocr {
namespace {
constexpr size_t kMaxCheckpointBytes = size_t{64} << 20;
}

PageCheckpoints::PageCheckpoints(std::filesystem::path folder, std::string fingerprint,
                                 std::function<void(const std::string&)> on_problem)
    : folder_(std::move(folder)),
      fingerprint_(std::move(fingerprint)),
      on_problem_(std::move(on_problem)) {
  std::error_code ignored;  // Keep says what is wrong
  std::filesystem::create_directories(folder_, ignored);
}

std::filesystem::path PageCheckpoints::Path(int page) const {
  return folder_ / std::to_string(page);
}

void PageCheckpoints::Problem(const std::string& what) const {
  if (on_problem_) on_problem_(what);
}

std::optional<ReadPage> PageCheckpoints::Recall(int page) const {
  const auto bytes = ReadFile(Path(page), kMaxCheckpointBytes);
  if (!bytes.ok() && bytes.error().code == ErrorCode::kNotFound) return std::nullopt;
  auto known =
      bytes.ok() ? PageFromCheckpoint(*bytes, fingerprint_) : Result<ReadPage>(bytes.error());
  if (known.ok() && known->page != page)
    known = Error{ErrorCode::kCorrupt, "the checkpoint is of another page"};
  if (known.ok()) return *std::move(known);
  Problem(fmt::format("page {} is read again: {}", page, known.error().message));
  return std::nullopt;
}

void PageCheckpoints::Keep(const ReadPage& page) {
  if (page.error) return;
  Status kept;
  try {
    kept = WriteFileAtomically(Path(page.page), PageToCheckpoint(page, fingerprint_));
  } catch (const std::bad_alloc&) {
    kept = Error{ErrorCode::kOutOfMemory, "out of memory"};
  }
  if (kept.ok() || std::exchange(keep_failed_, true)) return;
  Problem(fmt::format("pages that are read are not kept: {}", kept.error().message));
}

}  // namespace glmocr
