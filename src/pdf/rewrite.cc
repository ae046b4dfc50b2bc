#include "pdf/rewrite.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>
#include <variant>

#include "pdf/locate.h"
#include "pdf/protocol.h"
#include "pdf/worker_process.h"

namespace glmocr {

using pdf::FailureReason;
using pdf::RewriteReport;
using pdf::WorkerProcess;

namespace {

constexpr double kTimeout = 60, kTimeoutPerPage = 0.1;  // seconds
// A result may be larger than its parts: object streams that are written anew, encryption that
// goes. A hostile worker must not fill the disk.
constexpr int64_t kGrowth = 4;
constexpr int64_t kGrowthBytes = int64_t{64} << 20;

Error Explain(uint32_t reason) {
  switch (static_cast<FailureReason>(reason)) {
    case FailureReason::kMemory:
      return {ErrorCode::kResourceExhausted, "writing it anew needs too much memory"};
    case FailureReason::kPassword:
      return {ErrorCode::kInvalidArgument, "the password does not open this PDF"};
    default:
      return {ErrorCode::kCorrupt, "its structure is damaged"};
  }
}

class Rewriting {
 public:
  Rewriting(const PdfRewrite& rewrite, TempFile* out) : rewrite_(rewrite), out_(out) {}

  Result<RewriteReport> Run() {
    pdf::WorkerOptions options{.program = rewrite_.worker,
                               .max_memory_bytes = rewrite_.max_memory_bytes,
                               .cpu_seconds_per_request = static_cast<unsigned>(Seconds() * 2) + 2,
                               .rewrites = true};
    if (options.program.empty()) {
      GLM_ASSIGN(options.program, pdf::FindWorker());
    }
    GLM_ASSIGN(worker_, WorkerProcess::Start(options, rewrite_.source_fd, rewrite_.layer_fd));
    Result<RewriteReport> report = Talk();
    if (report.ok() || report.error().code == ErrorCode::kResourceExhausted) return report;
    const std::string how = worker_->Kill();
    if (from_worker_ && report.error().code == ErrorCode::kIo)
      return Error{ErrorCode::kCorrupt, "the PDF writer " + (how.empty() ? "ended" : how)};
    return report;
  }

 private:
  double Seconds() const {
    if (rewrite_.timeout_s > 0) return rewrite_.timeout_s;
    return kTimeout + kTimeoutPerPage * static_cast<double>(rewrite_.options.pages.size());
  }
  void Wait() {
    worker_->SetDeadline(pdf::Clock::now() + std::chrono::duration_cast<pdf::Clock::duration>(
                                                 std::chrono::duration<double>(Seconds())));
  }

  Result<RewriteReport> Talk() {
    Wait();
    from_worker_ = true;
    GLM_RETURN_IF_ERROR(worker_->Write(pdf::EncodeRewrite(rewrite_.options)));
    int64_t left = kGrowth * (rewrite_.source_bytes + rewrite_.layer_bytes) + kGrowthBytes;
    for (;;) {
      Wait();
      GLM_ASSIGN(pdf::RewriteReply reply,
                 pdf::ReadRewriteReply(*worker_, rewrite_.options.pages.size()));
      if (const auto* failed = std::get_if<pdf::Failed>(&reply)) return Explain(failed->reason);
      if (auto* report = std::get_if<RewriteReport>(&reply)) return std::move(*report);
      const auto& part = std::get<std::string>(reply);
      left -= static_cast<int64_t>(part.size());
      if (left < 0) {
        return Error{ErrorCode::kResourceExhausted,
                     "written anew it would be several times as large"};
      }
      from_worker_ = false;
      GLM_RETURN_IF_ERROR(out_->Append(part));
      from_worker_ = true;
    }
  }

  const PdfRewrite& rewrite_;
  TempFile* out_;
  std::unique_ptr<WorkerProcess> worker_;
  bool from_worker_ = false;  // whether a kIo is of the socket
};

}  // namespace

Result<RewriteReport> RewritePdf(const PdfRewrite& rewrite, TempFile* out) {
  auto report = Rewriting(rewrite, out).Run();
  if (!report.ok()) return report.error().With("'" + rewrite.name + "'");
  return report;
}

}  // namespace glmocr
