#include "pdf/rewrite.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

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
    std::string part;
    for (;;) {
      Wait();
      pdf::ReplyHeader header;
      GLM_RETURN_IF_ERROR(worker_->Read(&header, sizeof(header)));
      if (header.magic != pdf::kReplyMagic) return Nonsense();
      switch (static_cast<pdf::ReplyType>(header.type)) {
        case pdf::ReplyType::kRewrittenPart: {
          uint32_t n = 0;
          GLM_RETURN_IF_ERROR(worker_->Read(&n, sizeof(n)));
          left -= n;
          if (n > pdf::kMaxRewrittenPart) return Nonsense();
          if (left < 0) {
            return Error{ErrorCode::kResourceExhausted,
                         "written anew it would be several times as large"};
          }
          part.resize(n);
          GLM_RETURN_IF_ERROR(worker_->Read(part.data(), n));
          from_worker_ = false;
          GLM_RETURN_IF_ERROR(out_->Append(part));
          from_worker_ = true;
          break;
        }
        case pdf::ReplyType::kRewritten:
          return ReadReport();
        case pdf::ReplyType::kFailed: {
          pdf::Failed failed;
          GLM_RETURN_IF_ERROR(worker_->Read(&failed, sizeof(failed)));
          return Explain(failed.reason);
        }
        default:
          return Nonsense();
      }
    }
  }

  static Error Nonsense() { return {ErrorCode::kCorrupt, "the PDF writer sent nonsense"}; }

  Result<RewriteReport> ReadReport() {
    pdf::Rewritten said;
    GLM_RETURN_IF_ERROR(worker_->Read(&said, sizeof(said)));
    if (said.n_pages != rewrite_.options.pages.size() || said.pdfa_problem > pdf::kMaxPdfaProblem)
      return Nonsense();
    RewriteReport report;
    report.changed = (said.flags & pdf::Rewritten::kChanged) != 0;
    report.encrypted = (said.flags & pdf::Rewritten::kEncrypted) != 0;
    report.is_signed = (said.flags & pdf::Rewritten::kSigned) != 0;
    report.repaired = (said.flags & pdf::Rewritten::kRepaired) != 0;
    report.pdfa_problem = static_cast<pdf::PdfaProblem>(said.pdfa_problem);
    std::string pages(said.n_pages, '\0');
    GLM_RETURN_IF_ERROR(worker_->Read(pages.data(), pages.size()));
    for (const char page : pages) {
      const auto value = static_cast<uint8_t>(page);
      if (value < 1 || value > pdf::kMaxRewrittenPage) return Nonsense();
      report.pages.push_back(static_cast<pdf::RewrittenPage>(value));
    }
    return report;
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
