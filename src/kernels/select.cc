#include "kernels/select.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "kernels/cpu/cpu_kernels.h"

namespace glmocr {

std::span<const KernelTable* const> RunnableKernels() {
  static const std::vector<const KernelTable*> kTables = [] {
    std::vector<const KernelTable*> tables;
    for (const KernelTable* table : cpu::CompiledTables()) {
      if (cpu::IsRunnable(*table)) tables.push_back(table);
    }
    tables.push_back(&ReferenceKernels());
    return tables;
  }();
  return kTables;
}

Result<const KernelTable*> SelectKernels(std::string_view name) {
  if (name == "auto" || name.empty()) {
    const char* forced = std::getenv("GLMOCR_KERNELS");
    if (forced == nullptr || *forced == '\0') return RunnableKernels().front();
    name = forced;
  }
  std::string known;
  for (const KernelTable* table : RunnableKernels()) {
    if (name == table->name) return table;
    known += std::string(known.empty() ? "" : ", ") + table->name;
  }
  return Error{ErrorCode::kUnsupported, "kernels '" + std::string(name) +
                                            "' cannot run on this machine; it can run: " + known};
}

}  // namespace glmocr
