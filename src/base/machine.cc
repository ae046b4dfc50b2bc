#include "base/machine.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/file.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 14> kFeatures = {
    "avx",         "avx2",     "fma",      "f16c",     "avx512f",  "avx512bw", "avx512_vnni",
    "avx512_bf16", "avx_vnni", "amx_tile", "amx_bf16", "amx_int8", "asimd",    "bf16"};

// Empty when there is none.
std::string Text(const fs::path& file) {
  Result<std::string> text = ReadFile(file, size_t{16} << 20);
  return text.ok() ? *std::move(text) : "";
}

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc()) return std::nullopt;
  return value;
}

// The value behind "name :" in a line of /proc/cpuinfo or /proc/meminfo.
std::string Field(const std::string& text, std::string_view name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    const size_t colon = line.find(':');
    if (colon == std::string::npos || line.find_first_not_of(" \t", name.size()) != colon) continue;
    const size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return {};
}

// The folders of the process's control group for one controller, from its own to the outermost.
// Version 2 has one hierarchy, version 1 one for each controller.
std::vector<fs::path> GroupFolders(const fs::path& root, std::string_view controller) {
  std::istringstream lines(Text(root / "proc/self/cgroup"));
  std::vector<fs::path> folders;
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    fs::path base = root / "sys/fs/cgroup";
    if (!names.empty()) {
      if (("," + names + ",").find("," + std::string(controller) + ",") == std::string::npos)
        continue;
      base /= names;
    }
    // Inside a container the path may be the host's: what is not there is not read.
    fs::path below = fs::path(line.substr(second + 1)).relative_path().lexically_normal();
    if (below.native().starts_with("..")) below.clear();
    for (; !below.empty(); below = below.parent_path()) folders.push_back(base / below);
    folders.push_back(base);
  }
  return folders;
}

std::optional<uint64_t> MemoryLimit(const fs::path& root) {
  std::optional<uint64_t> least;
  for (const fs::path& folder : GroupFolders(root, "memory")) {
    for (const char* name : {"memory.max", "memory.limit_in_bytes"}) {
      const std::optional<uint64_t> limit = Number(Text(folder / name));
      // Version 1 says "none" with a number near 2^63.
      if (limit && *limit < uint64_t{1} << 60) least = std::min(least.value_or(*limit), *limit);
    }
  }
  return least;
}

std::vector<std::string> Gpus(const fs::path& root) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator it(root / "proc/driver/nvidia/gpus", error), end; !error && it != end;
       it.increment(error)) {
    const std::string model = Field(Text(it->path() / "information"), "Model");
    found.push_back(model.empty() ? "NVIDIA" : model);
  }
  if (!found.empty()) return found;
  error.clear();
  for (fs::directory_iterator it(root / "dev", error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    const bool nvidia = name.starts_with("nvidia") && name.size() > 6 &&
                        name.find_first_not_of("0123456789", 6) == std::string::npos;
    if (nvidia || name == "kfd") found.push_back("/dev/" + name);
  }
  error.clear();
  for (fs::directory_iterator it(root / "dev/dri", error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with("renderD")) found.push_back("/dev/dri/" + name);
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

std::optional<double> ProcessorLimit(const fs::path& root) {
  std::optional<double> least;
  const auto take = [&](std::optional<uint64_t> quota, std::optional<uint64_t> period) {
    if (!quota || !period || *quota == 0 || *period == 0) return;
    const double limit = static_cast<double>(*quota) / static_cast<double>(*period);
    least = std::min(least.value_or(limit), limit);
  };
  for (const fs::path& folder : GroupFolders(root, "cpu")) {
    const std::string max = Text(folder / "cpu.max");  // "200000 100000", "max 100000"
    if (const size_t blank = max.find(' '); blank != std::string::npos)
      take(Number(std::string_view(max).substr(0, blank)),
           Number(std::string_view(max).substr(blank + 1)));
    take(Number(Text(folder / "cpu.cfs_quota_us")), Number(Text(folder / "cpu.cfs_period_us")));
  }
  return least;
}

MachineFacts ReadMachine(const fs::path& root) {
  MachineFacts facts;
  const std::string cpus = Text(root / "proc/cpuinfo");
  facts.processor = Field(cpus, "model name");
  std::string flags = Field(cpus, "flags");
  if (flags.empty()) flags = Field(cpus, "Features");  // 64-bit Arm
  flags = " " + flags + " ";
  for (const std::string_view feature : kFeatures) {
    if (flags.find(" " + std::string(feature) + " ") != std::string::npos)
      facts.features.emplace_back(feature);
  }
  for (size_t at = cpus.find("processor"); at != std::string::npos;
       at = cpus.find("processor", at + 1)) {
    const size_t after = cpus.find_first_not_of(" \t", at + 9);
    if ((at == 0 || cpus[at - 1] == '\n') && after != std::string::npos && cpus[after] == ':')
      ++facts.n_processors;
  }
  facts.processor_limit = ProcessorLimit(root);
  facts.memory_limit_bytes = MemoryLimit(root);
  const std::string memory = Text(root / "proc/meminfo");  // in KiB
  facts.memory_bytes = Number(Field(memory, "MemTotal")).value_or(0) * 1024;
  facts.available_bytes = Number(Field(memory, "MemAvailable")).value_or(0) * 1024;
  facts.gpus = Gpus(root);
  return facts;
}

}  // namespace glmocr
