#include "server/config_file.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "base/ascii.h"
#include "base/file.h"
#include "base/untrusted_text.h"

namespace glmocr::server {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr std::string_view kPrefix = "GLMOCR_";

Error Wrong(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

template <typename T>
bool ParseNumber(std::string_view text, T* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

struct Unit {
  std::string_view name;
  int shift;
};
constexpr Unit kUnits[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};

bool ParseBytes(std::string_view text, uint64_t* bytes) {
  int shift = 0;
  for (const Unit& unit : kUnits) {
    if (text.size() > unit.name.size() && text.ends_with(unit.name)) {
      shift = unit.shift;
      text.remove_suffix(unit.name.size());
      if (text.back() == ' ') text.remove_suffix(1);
      break;
    }
  }
  if (!ParseNumber(text, bytes) || *bytes > (UINT64_MAX >> 1 >> shift)) return false;
  *bytes <<= shift;
  return true;
}

std::string BytesText(uint64_t bytes) {
  for (size_t i = std::size(kUnits); i-- > 0;) {
    const uint64_t unit = uint64_t{1} << kUnits[i].shift;
    if (bytes > 0 && bytes % unit == 0) return fmt::format("{}{}", bytes / unit, kUnits[i].name);
  }
  return std::to_string(bytes);
}

std::vector<std::string> Items(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view item = TrimAscii(text.substr(0, comma));
    if (!item.empty()) items.emplace_back(item);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return items;
}

std::string Range(const Setting& s) {
  if (std::isinf(s.high)) return fmt::format("of at least {:.15g}", s.low);
  return fmt::format("from {:.15g} to {:.15g}", s.low, s.high);
}

std::string Join(const std::vector<std::string>& items) {
  return fmt::format("{}", fmt::join(items, ", "));
}

// A count of bytes may have a unit.
bool IsBytes(const Setting& s) { return s.name.ends_with("_bytes"); }

// What the setting takes, for errors: "a whole number from 1 to 64".
std::string Wanted(const Setting& s) {
  return std::visit(
      [&](auto* target) -> std::string {
        using T = std::remove_pointer_t<decltype(target)>;
        if constexpr (std::is_same_v<T, bool>) return "true or false";
        if constexpr (std::is_same_v<T, double>) return "a number " + Range(s);
        if (IsBytes(s)) return "a number of bytes such as 65536 or 64MiB, " + Range(s);
        if constexpr (std::is_same_v<T, std::string>)
          return s.choices.empty() ? "text" : "one of " + Join(s.choices);
        if constexpr (std::is_same_v<T, std::vector<std::string>>) return "a list of texts";
        if constexpr (std::is_same_v<T, std::vector<int>>)
          return "a list of whole numbers " + Range(s);
        return "a whole number " + Range(s);
      },
      s.target);
}

// Whether `text` is a value of the setting; then it is set.
bool Assign(const Setting& s, std::string_view text) {
  const auto in_range = [&](auto value) {
    return static_cast<double>(value) >= s.low && static_cast<double>(value) <= s.high;
  };
  return std::visit(
      [&](auto* target) {
        using T = std::remove_pointer_t<decltype(target)>;
        if constexpr (std::is_same_v<T, bool>) {
          if (text != "true" && text != "false") return false;
          *target = text == "true";
        } else if constexpr (std::is_same_v<T, std::string>) {
          if (!s.choices.empty() &&
              std::find(s.choices.begin(), s.choices.end(), text) == s.choices.end())
            return false;
          *target = text;
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          *target = Items(text);
        } else if constexpr (std::is_same_v<T, std::vector<int>>) {
          T values;
          for (const std::string& item : Items(text)) {
            int value = 0;
            if (!ParseNumber(item, &value) || !in_range(value)) return false;
            values.push_back(value);
          }
          *target = std::move(values);
        } else {
          T value{};
          uint64_t bytes = 0;
          if (IsBytes(s)) {
            if (!ParseBytes(text, &bytes) || !in_range(bytes)) return false;
            *target = static_cast<T>(bytes);
            return true;
          }
          if (!ParseNumber(text, &value) || !in_range(value)) return false;
          *target = value;
        }
        return true;
      },
      s.target);
}

bool IsList(const Setting& s) {
  return std::holds_alternative<std::vector<std::string>*>(s.target) ||
         std::holds_alternative<std::vector<int>*>(s.target);
}

std::string YamlText(const Setting& s) {
  const auto quoted = [](const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out + '"';
  };
  if (const auto* const* text = std::get_if<std::string*>(&s.target)) return quoted(**text);
  if (const auto* const* list = std::get_if<std::vector<std::string>*>(&s.target)) {
    std::string out = "[";
    for (const std::string& item : **list) out += (out.size() > 1 ? ", " : "") + quoted(item);
    return out + "]";
  }
  if (std::holds_alternative<std::vector<int>*>(s.target))
    return "[" + Settings::ValueText(s) + "]";
  return Settings::ValueText(s);
}

// The setting's name that is nearest to a wrong one, for a hint; empty when none is near.
std::string Nearest(const std::vector<Setting>& settings, std::string_view wrong) {
  size_t best = 3;
  std::string nearest;
  const auto distance = [](std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
      size_t diagonal = std::exchange(row[0], i);
      for (size_t j = 1; j <= b.size(); ++j) {
        const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
      }
    }
    return row[b.size()];
  };
  for (const Setting& s : settings) {
    const size_t d = wrong.size() > 64 ? best : distance(wrong, s.name);
    if (d < best) {
      best = d;
      nearest = s.name;
    }
  }
  return nearest;
}

Result<KeyDigest> DigestOfHex(std::string_view hex) {
  KeyDigest digest{};
  if (hex.size() != 2 * digest.size()) return Wrong("sha256 takes 64 hexadecimal digits");
  for (size_t i = 0; i < digest.size(); ++i) {
    const std::string_view byte = hex.substr(2 * i, 2);
    const auto [end, error] = std::from_chars(byte.data(), byte.data() + 2, digest[i], 16);
    if (error != std::errc() || end != byte.data() + 2)
      return Wrong("sha256 takes 64 hexadecimal digits");
  }
  // What sha256sum says when the variable that should hold the key is not set.
  if (digest == DigestOfKey("") || digest == DigestOfKey("\n"))
    return Wrong("sha256 is the digest of an empty key");
  return digest;
}

Result<KeyDigest> DigestOfChecked(std::string_view key) {
  if (key.size() < kMinKeyLength) {
    return Wrong(
        fmt::format("the key is shorter than {} characters (make one with: openssl rand "
                    "-hex 24)",
                    kMinKeyLength));
  }
  return DigestOfKey(key);
}

}  // namespace

std::string FlagOf(std::string_view name) {
  std::string flag = "--" + std::string(name);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string EnvironmentOf(std::string_view name) {
  std::string variable = std::string(kPrefix) + std::string(name);
  for (char& c : variable) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return variable;
}

std::string PlaceholderOf(const Setting& setting) {
  if (!setting.placeholder.empty()) return setting.placeholder;
  if (!setting.choices.empty()) {
    std::string all;
    for (const std::string& choice : setting.choices) all += (all.empty() ? "" : "|") + choice;
    return all;
  }
  if (setting.name.ends_with("_bytes")) return "BYTES";
  if (setting.name.ends_with("_s")) return "SECONDS";
  if (std::holds_alternative<bool*>(setting.target)) return "true|false";
  if (std::holds_alternative<std::string*>(setting.target)) return "TEXT";
  if (std::holds_alternative<std::vector<std::string>*>(setting.target)) return "TEXT,...";
  if (std::holds_alternative<std::vector<int>*>(setting.target)) return "N,...";
  return "N";
}

void Settings::Add(Setting setting) {
  GLM_CHECK(Find(setting.name) == nullptr);
  settings_.push_back(std::move(setting));
}

void Settings::AddKeys(std::vector<ApiKey>* keys) {
  keys_ = keys;
  Add({.name = "api_key",
       .group = "Access",
       .help = "A key that clients must send (as a flag, other users of this machine can see it: "
               "better the environment or a file)",
       .target = &api_key_,
       .placeholder = "KEY"});
  Add({.name = "api_key_file",
       .group = "Access",
       .help = "Files of keys, one a line: KEY or NAME:KEY; # begins a comment",
       .target = &api_key_files_,
       .placeholder = "FILE,..."});
}

Setting* Settings::Find(std::string_view name) {
  const auto found = std::find_if(settings_.begin(), settings_.end(),
                                  [&](const Setting& s) { return s.name == name; });
  return found == settings_.end() ? nullptr : &*found;
}

Status Settings::Set(std::string_view name, std::string_view text, std::string_view origin) {
  Setting* setting = Find(name);
  GLM_CHECK(setting != nullptr);
  if (!Assign(*setting, text)) {
    // What may be a key is not repeated.
    const std::string got = name == "api_key" ? "" : ", not " + QuoteUntrusted(std::string(text));
    return Wrong(fmt::format("{}: '{}' takes {}{}", origin, name, Wanted(*setting), got));
  }
  setting->origin = origin;
  return OkStatus();
}

Status Settings::ReadFile(const std::string& path) {
  GLM_ASSIGN(std::string text, glmocr::ReadFile(path, kMaxFileBytes));
  return ReadYaml(text, path);
}

Status Settings::ReadYaml(const std::string& text, const std::string& file_name) {
  const auto place = [&](const YAML::Mark& mark) {
    return fmt::format("{}, line {}", QuoteUntrusted(file_name), mark.line + 1);
  };
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1) {
      return Wrong(QuoteUntrusted(file_name) + " holds several YAML documents; write one");
    }
    if (documents.empty() || documents[0].IsNull()) return OkStatus();
    const YAML::Node& root = documents[0];
    if (!root.IsMap()) {
      return Wrong(place(root.Mark()) + ": the file is not a mapping of settings (name: value)");
    }
    std::set<std::string> seen;
    for (const auto& entry : root) {
      if (!entry.first.IsScalar()) {
        return Wrong(place(entry.first.Mark()) + ": a setting's name is a text");
      }
      const std::string& name = entry.first.Scalar();
      const YAML::Node& value = entry.second;
      const std::string where = place(entry.first.Mark());
      if (!seen.insert(name).second) {
        return Wrong(where + ": " + QuoteUntrusted(name) + " is set twice");
      }
      if (name == "api_keys" && keys_ != nullptr) {
        if (!value.IsSequence()) return Wrong(where + ": 'api_keys' takes a list");
        for (const YAML::Node& item : value) {
          const std::string at = place(item.Mark());
          if (!item.IsMap()) {
            return Wrong(at +
                         ": an entry of 'api_keys' is a mapping (name, key or key_file or "
                         "sha256, requests_per_minute, max_concurrent)");
          }
          ApiKey key;
          std::string file;
          int given = 0;
          std::set<std::string> fields;
          for (const auto& field : item) {
            const std::string what = field.first.IsScalar() ? field.first.Scalar() : "";
            const std::string at_field = place(field.first.Mark());
            if (!fields.insert(what).second)
              return Wrong(at_field + ": " + QuoteUntrusted(what) + " is set twice");
            if (!field.second.IsScalar())
              return Wrong(at_field + ": " + QuoteUntrusted(what) + " takes one value");
            const std::string& said = field.second.Scalar();
            if (what == "name") {
              key.name = said;
            } else if (what == "key" || what == "sha256") {
              ++given;
              auto digest = what == "key" ? DigestOfChecked(said) : DigestOfHex(said);
              if (!digest.ok()) return digest.error().With(at_field);
              key.digest = *digest;
            } else if (what == "key_file") {
              ++given;
              file = said;
            } else if (what == "requests_per_minute") {
              if (!ParseNumber(said, &key.requests_per_minute) || !(key.requests_per_minute >= 0))
                return Wrong(at_field + ": 'requests_per_minute' takes a number of at least 0");
            } else if (what == "max_concurrent") {
              if (!ParseNumber(said, &key.max_concurrent) || key.max_concurrent < 0)
                return Wrong(at_field + ": 'max_concurrent' takes a whole number of at least 0");
            } else {
              return Wrong(at_field + ": an entry of 'api_keys' has no " + QuoteUntrusted(what) +
                           " (name, key, key_file, sha256, requests_per_minute, max_concurrent)");
            }
          }
          if (key.name.empty()) return Wrong(at + ": a key needs a 'name', for logs and metrics");
          if (given != 1) {
            return Wrong(at + ": the key " + QuoteUntrusted(key.name) +
                         " needs one of 'key', 'key_file' and 'sha256'");
          }
          if (file.empty()) {
            GLM_RETURN_IF_ERROR(AddKey(std::move(key), at));
          } else {
            key_files_.push_back({file, std::move(key)});
          }
        }
        continue;
      }
      const Setting* setting = Find(name);
      if (setting == nullptr) {
        const std::string near = Nearest(settings_, name);
        return Wrong(where + ": there is no setting " + QuoteUntrusted(name) +
                     (near.empty() ? " (see glm-ocr serve --help)" : "; is '" + near + "' meant?"));
      }
      std::string said;
      if (IsList(*setting) && value.IsSequence()) {
        for (const YAML::Node& item : value) {
          if (!item.IsScalar() || item.Scalar().find(',') != std::string::npos)
            return Wrong(place(item.Mark()) + ": '" + name +
                         "' takes a list of texts without commas");
          said += (said.empty() ? "" : ",") + item.Scalar();
        }
      } else if (!value.IsScalar()) {
        return Wrong(where + ": '" + name + "' takes " + Wanted(*setting));
      } else {
        said = value.Scalar();
      }
      GLM_RETURN_IF_ERROR(Set(name, said, where));
    }
  } catch (const YAML::Exception& e) {
    return Wrong(place(e.mark) + ": this is not YAML: " + e.msg);
  }
  return OkStatus();
}

Status Settings::ReadEnvironment(char** environment, std::vector<std::string>* unknown) {
  for (char** entry = environment; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    const size_t equals = variable.find('=');
    if (!variable.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    const std::string_view name = variable.substr(0, equals);
    const auto setting = std::find_if(settings_.begin(), settings_.end(), [&](const Setting& s) {
      return EnvironmentOf(s.name) == name;
    });
    if (setting == settings_.end()) {
      unknown->emplace_back(name);
    } else {
      GLM_RETURN_IF_ERROR(Set(setting->name, variable.substr(equals + 1), name));
    }
  }
  return OkStatus();
}

Status Settings::AddKey(ApiKey key, const std::string& where) {
  for (const ApiKey& other : *keys_) {
    if (other.name == key.name)
      return Wrong(where + ": two keys are named " + QuoteUntrusted(key.name));
  }
  keys_->push_back(std::move(key));
  return OkStatus();
}

Status Settings::AddKeyFile(const std::string& path, const ApiKey& limits,
                            const std::string& name) {
  GLM_ASSIGN(const std::string text, glmocr::ReadFile(path, kMaxFileBytes));
  std::string_view rest = text;
  int line_number = 0, n_keys = 0;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = TrimAscii(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++line_number;
    if (line.empty() || line[0] == '#') continue;
    const std::string where = fmt::format("{}, line {}", QuoteUntrusted(path), line_number);
    const size_t colon = line.find(':');
    auto digest = DigestOfChecked(colon == std::string_view::npos ? line : line.substr(colon + 1));
    if (!digest.ok()) return digest.error().With(where);
    ApiKey key = limits;
    key.digest = *digest;
    ++n_keys;
    if (colon != std::string_view::npos) {
      key.name = std::string(line.substr(0, colon));
    } else if (name.empty()) {
      key.name = fmt::format("key-{}", keys_->size() + 1);
    } else {
      key.name = n_keys == 1 ? name : fmt::format("{}-{}", name, n_keys);
    }
    GLM_RETURN_IF_ERROR(AddKey(std::move(key), where));
  }
  if (n_keys == 0) return Wrong("the key file " + QuoteUntrusted(path) + " holds no key");
  return OkStatus();
}

Status Settings::ReadKeys() {
  GLM_CHECK(keys_ != nullptr);
  for (const KeyFile& file : key_files_)
    GLM_RETURN_IF_ERROR(AddKeyFile(file.path, file.limits, file.limits.name));
  for (const std::string& path : api_key_files_)
    GLM_RETURN_IF_ERROR(AddKeyFile(path, ApiKey(), ""));
  if (!api_key_.empty()) {
    const std::string origin = Find("api_key")->origin;
    auto digest = DigestOfChecked(api_key_);
    if (!digest.ok()) return digest.error().With(origin);
    GLM_RETURN_IF_ERROR(AddKey({.name = "default", .digest = *digest}, origin));
    // It is not needed any more, and must not be printed.
    api_key_.assign(api_key_.size(), '\0');
    api_key_.clear();
  }
  return OkStatus();
}

std::string Settings::ValueText(const Setting& setting) {
  return std::visit(
      [&](auto* target) -> std::string {
        using T = std::remove_pointer_t<decltype(target)>;
        if constexpr (std::is_same_v<T, bool>) return *target ? "true" : "false";
        if constexpr (std::is_same_v<T, std::string>) return *target;
        if constexpr (std::is_same_v<T, std::vector<std::string>> ||
                      std::is_same_v<T, std::vector<int>>)
          return fmt::format("{}", fmt::join(*target, ","));
        if constexpr (std::is_arithmetic_v<T>) {
          if (IsBytes(setting)) return BytesText(static_cast<uint64_t>(*target));
          return fmt::format("{}", *target);
        }
      },
      setting.target);
}

std::string Settings::Effective() const {
  std::string out, group;
  for (const Setting& s : settings_) {
    if (s.name == "api_key") continue;
    if (s.group != group) {
      group = s.group;
      out += (out.empty() ? "# " : "\n# ") + group + "\n";
    }
    const std::string line = s.name + ": " + YamlText(s);
    out += s.origin == "default" ? line + "\n" : fmt::format("{:<48}  # {}\n", line, s.origin);
  }
  if (keys_ == nullptr || keys_->empty()) return out;
  // What cannot be shown is left out, so these are comments: the list would not load.
  out += "\n# api_keys: (keys are not shown)\n";
  for (const ApiKey& key : *keys_) {
    out += fmt::format("#   - name: {}\n#     requests_per_minute: {}\n#     max_concurrent: {}\n",
                       QuoteUntrusted(key.name), key.requests_per_minute, key.max_concurrent);
  }
  return out;
}

std::string Settings::Reference() const {
  std::string out, group;
  for (const Setting& s : settings_) {
    if (s.group != group) {
      group = s.group;
      out += fmt::format("{}### {}\n| name | takes | default | |\n|---|---|---|---|\n",
                         out.empty() ? "" : "\n", group);
    }
    std::string takes = PlaceholderOf(s);
    for (size_t at = 0; (at = takes.find('|', at)) != std::string::npos; at += 2)
      takes.insert(at, "\\");
    const std::string value = ValueText(s);
    out += fmt::format("| `{}` | {} | {} | {} |\n", s.name, takes,
                       value.empty() ? "" : "`" + value + "`", s.help);
  }
  return out;
}

}  // namespace glmocr::server
