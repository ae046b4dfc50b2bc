#include "pdf/confinement.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "pdf/locate.h"
#include "pdf/protocol.h"
#include "pdf/worker_process.h"

namespace glmocr {

std::string ToText(const ConfinementState& state) {
  return fmt::format("{}, {}, {}", state.calls ? "seccomp" : "no seccomp",
                     state.landlock_abi > 0 ? fmt::format("Landlock ABI {}", state.landlock_abi)
                                            : std::string("no Landlock"),
                     state.capabilities ? "no capabilities" : "capabilities not dropped");
}

Result<ConfinementState> TryConfinement(const std::filesystem::path& worker) {
  pdf::WorkerOptions options{.program = worker,
                             .max_memory_bytes = uint64_t{1} << 30,
                             .cpu_seconds_per_request = 10,
                             .tells_confinement = true};
  if (options.program.empty()) {
    GLM_ASSIGN(options.program, pdf::FindWorker());
  }
  GLM_ASSIGN(std::unique_ptr<pdf::WorkerProcess> process, pdf::WorkerProcess::Start(options, -1));
  process->SetDeadline(pdf::Clock::now() + std::chrono::seconds(20));
  pdf::ConfinementReply reply;
  if (Status read = process->Read(&reply, sizeof(reply)); !read.ok()) {
    const std::string how = process->Kill();
    return read.error().With(
        fmt::format("the worker '{}'{}", options.program.string(), how.empty() ? "" : " " + how));
  }
  return ConfinementState{.calls = reply.calls == 1,
                          .landlock_abi = static_cast<int>(reply.landlock_abi),
                          .capabilities = reply.capabilities == 1};
}

}  // namespace glmocr
