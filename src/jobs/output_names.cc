#include "jobs/output_names.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/bounded_json.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/untrusted_text.h"
#include "format/sdk_formatter.h"
#include "tokenizer/stream_decoder.h"

namespace glmocr {
namespace fs = std::filesystem;
namespace {

constexpr const char* kClaimFile = "claim.json";
constexpr size_t kMaxClaimBytes = size_t{1} << 20;
constexpr size_t kUsualLongestName = 255;
// The longest that DocumentWriter puts after a folder's name: "_page1234567.jpg".
constexpr size_t kLongestEnding = 20;

std::string HexOf(const std::string& text) { return HashBytes(text.data(), text.size()).Hex(); }

bool HasPath(const DocumentInput& input) { return input.name != "-" && input.location.empty(); }

// Whether a document of folder ".../leaf" has files or folders of that name in it.
bool WritesName(std::string_view leaf, std::string_view name) {
  if (name == "imgs" || name == "layout_vis") return true;
  if (!name.starts_with(leaf) || name.size() == leaf.size()) return false;
  return name[leaf.size()] == '.' || name[leaf.size()] == '_';
}

std::string_view LeafOf(std::string_view folder) {
  const size_t slash = folder.rfind('/');
  return slash == std::string_view::npos ? folder : folder.substr(slash + 1);
}

bool IsEmptyFolder(const fs::path& path) {
  std::error_code error;
  const bool empty = fs::is_empty(path, error);
  return empty && !error;
}

}  // namespace

OutputNames::OutputNames(fs::path out, const Journal& journal, Existing existing)
    : out_(std::move(out)), existing_(existing) {
  const long longest = ::pathconf(out_.c_str(), _PC_NAME_MAX);
  longest_name_ = longest > 64 ? static_cast<size_t>(longest) : kUsualLongestName;
  for (const auto& [folder, entry] : journal.last())
    owners_[folder] = {.key = entry.key, .input = entry.input, .hash = entry.hash};
  LoadClaims();
}

fs::path OutputNames::ClaimFolder(const std::string& folder) const {
  return out_ / kHidden / HexOf(folder);
}

fs::path OutputNames::CheckpointFolder(const std::string& folder) const {
  return ClaimFolder(folder) / "pages";
}

void OutputNames::LoadClaims() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(out_ / kHidden, error)) {
    const auto bytes = ReadFile(entry.path() / kClaimFile, kMaxClaimBytes);
    if (!bytes.ok()) continue;
    const auto claim = ParseBoundedJson(*bytes, kClaimFile);
    if (!claim.ok() || !claim->is_object()) continue;
    const auto text = [&](const char* name) {
      const auto found = claim->find(name);
      return found != claim->end() && found->is_string() ? found->get<std::string>()
                                                         : std::string();
    };
    // By its hash, which is of the folder's bytes, whatever JSON could hold of them.
    const std::string folder = text("folder");
    if (HexOf(folder) == entry.path().filename().string())
      owners_[folder] = {.key = text("key"), .input = text("input"), .hash = {}};
  }
}

std::string OutputNames::KeyOf(const DocumentInput& input, const std::optional<Hash128>& content) {
  if (!HasPath(input)) return HexOf("content " + (content ? content->Hex() : input.name));
  std::error_code error;
  const fs::path absolute = fs::absolute(input.name, error);
  return HexOf("path " + (error ? input.name : absolute.lexically_normal().string()));
}

// Cut at a character's beginning, with a hash in place of what is cut. Bytes that are not UTF-8
// become U+FFFD, since the journal could not hold them.
std::string OutputNames::FitName(const std::string& bytes) const {
  const std::string name = RepairUtf8(bytes);
  constexpr size_t kNumber = 8;  // "-1234567"
  const size_t longest = longest_name_ - kLongestEnding - kNumber;
  if (name.size() <= longest) return name;
  const std::string hash = "-" + HexOf(bytes).substr(0, 8);
  size_t end = longest - hash.size();
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;
  return name.substr(0, end) + hash;
}

// A file where a folder should be gives the folder a number.
std::string OutputNames::MirroredFolder(const std::string& subfolder) const {
  std::string folder;
  for (const fs::path& part : fs::path(subfolder)) {
    const std::string name = FitName(part.string());
    for (int n = 1;; ++n) {
      std::string candidate = folder + name + (n == 1 ? "" : fmt::format("-{}", n));
      std::error_code error;
      const auto status = fs::status(out_ / candidate, error);
      const bool free = !fs::exists(status) || fs::is_directory(status);
      const bool reserved = folder.empty() && (candidate == Journal::kName || candidate == kHidden);
      const size_t slash = candidate.rfind('/');
      const bool written =
          slash != std::string::npos && taken_.count(candidate.substr(0, slash)) > 0 &&
          WritesName(LeafOf(std::string_view(candidate).substr(0, slash)), LeafOf(candidate));
      if (!free || reserved || written) continue;
      folder = std::move(candidate) + "/";
      break;
    }
  }
  return folder;
}

bool OutputNames::TakenInRun(const std::string& folder) const {
  if (taken_.count(folder) > 0) return true;
  // Within a folder of another document, under a name that the other one writes.
  const size_t slash = folder.rfind('/');
  if (slash != std::string::npos) {
    const std::string parent = folder.substr(0, slash);
    if (taken_.count(parent) > 0 && WritesName(LeafOf(parent), LeafOf(folder))) return true;
  }
  // The other way round.
  const std::string prefix = folder + "/";
  for (auto at = taken_.lower_bound(prefix); at != taken_.end() && at->starts_with(prefix); ++at) {
    const std::string_view inner = std::string_view(*at).substr(prefix.size());
    if (WritesName(LeafOf(folder), inner.substr(0, inner.find('/')))) return true;
  }
  return false;
}

// The same document, whose file lies elsewhere now.
bool OutputNames::IsMoved(const Owner& owner, const DocumentInput& input) const {
  if (owner.hash.empty() || !HasPath(input)) return false;
  std::error_code error;
  if (fs::exists(owner.input, error) || !fs::is_regular_file(input.name, error)) return false;
  const auto hash = HashDocumentFile(input.name);
  return hash.ok() && hash->Hex() == owner.hash;
}

std::string OutputNames::InTheWay(const std::string& folder, const DocumentInput& input,
                                  const std::string& key) const {
  if (folder == Journal::kName || folder == kHidden)
    return "is the name of a file of the run's own";
  if (TakenInRun(folder)) return "is taken by another input of this run";
  const fs::path path = out_ / folder;
  std::error_code error;
  const auto status = fs::symlink_status(path, error);
  if (!fs::exists(status)) return {};
  if (!fs::is_directory(fs::status(path, error))) return "is a file";
  if (existing_ == Existing::kReplace) return {};
  const auto owner = owners_.find(folder);
  if (owner == owners_.end()) {
    return IsEmptyFolder(path) ? "" : "holds files that are not of an earlier run";
  }
  const Owner& o = owner->second;
  if (o.key == key || (o.key.empty() && o.input == input.name) || IsMoved(o, input)) return {};
  return "holds what was read from " + QuoteUntrusted(o.input);
}

OutputNames::Name OutputNames::Take(const DocumentInput& input,
                                    const std::optional<Hash128>& content) {
  Name name = {.key = KeyOf(input, content)};
  const std::string stem = FitName(input.name == "-" ? "stdin" : SdkFileStem(input.name));
  const std::string plain = MirroredFolder(input.subfolder) + stem;
  const auto numbered = [&](int n) { return n == 1 ? plain : fmt::format("{}-{}", plain, n); };
  // Its own folder of an earlier run; the first, if the same file was named several times.
  std::optional<std::string> own;
  for (auto at = owners_.lower_bound(plain); at != owners_.end() && at->first.starts_with(plain);
       ++at) {
    if (at->second.key != name.key || TakenInRun(at->first)) continue;
    const std::string_view number = std::string_view(at->first).substr(plain.size());
    const bool ours =
        number.empty() || (number[0] == '-' && number.size() > 1 &&
                           number.find_first_not_of("0123456789", 1) == std::string_view::npos);
    std::error_code error;
    if (!ours || !fs::is_directory(out_ / at->first, error)) continue;
    if (!own || at->first.size() < own->size()) own = at->first;
  }
  if (own) {
    name.folder = *std::move(own);
  } else {
    std::string why;
    for (int n = 1;; ++n) {
      name.folder = numbered(n);
      const std::string in_the_way = InTheWay(name.folder, input, name.key);
      if (in_the_way.empty()) break;
      if (why.empty()) why = in_the_way;
    }
    if (!why.empty()) {
      name.note = fmt::format("{} is written to '{}': '{}' {}", QuoteUntrusted(input.name),
                              (out_ / name.folder).string(), (out_ / plain).string(), why);
    }
  }
  taken_.insert(name.folder);
  return name;
}

Status OutputNames::Claim(const std::string& folder, const std::string& key,
                          const std::string& input) {
  const fs::path claim = ClaimFolder(folder);
  std::error_code error;
  fs::create_directory(out_ / kHidden, error);
  if (!error) fs::create_directory(claim, error);
  if (error)
    return Error{ErrorCode::kIo,
                 fmt::format("cannot create '{}': {}", claim.string(), error.message())};
  const nlohmann::ordered_json json = {{"folder", folder}, {"key", key}, {"input", input}};
  return WriteFileAtomically(claim / kClaimFile,
                             json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void OutputNames::Release(const std::string& folder) {
  std::error_code ignored;
  fs::remove_all(ClaimFolder(folder), ignored);
  fs::remove(out_ / kHidden, ignored);  // goes with the last claim
}

}  // namespace glmocr
