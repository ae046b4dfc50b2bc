// Settings under one name for a YAML file, the environment and flags.
//
// A setting is declared once, with the variable that it sets. `max_queue` is then `max_queue: 64`
// in the file, GLMOCR_MAX_QUEUE=64 in the environment and `--max-queue 64` on the command line. A
// later source replaces what an earlier one said: defaults, file, environment, flags.
//
//   Settings settings;
//   AddServerSettings(settings, &config);
//   GLM_RETURN_IF_ERROR(settings.ReadFile("glm-ocr.yaml"));
//   GLM_RETURN_IF_ERROR(settings.ReadEnvironment(environ));
//   GLM_RETURN_IF_ERROR(settings.Set("max_queue", "64", "--max-queue"));
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "server/config.h"
#include "server/keys.h"

namespace glmocr::server {

// What a setting sets. Byte counts (size_t) may be written as 64MiB, lists with commas.
using SettingTarget = std::variant<bool*, int*, int64_t*, uint16_t*, size_t*, double*, std::string*,
                                   std::vector<std::string>*, std::vector<int>*>;

struct Setting {
  std::string name;   // "max_queue"
  std::string group;  // heading in the help
  std::string help;   // one sentence, no full stop
  SettingTarget target;
  double low = 0, high = std::numeric_limits<double>::infinity();  // of numbers
  std::vector<std::string> choices;                                // of strings; empty: any
  std::string placeholder;  // "DIR"; empty: by the target's type
  char short_flag = 0;      // 'm' for -m
  std::string origin = "default";
};

class Settings {
 public:
  // The targets outlive this.
  void Add(Setting setting);
  // The list `api_keys` of the file: {name, key | key_file | sha256, requests_per_minute,
  // max_concurrent}; beside it `api_key` (one key) and `api_key_file` (lines KEY or NAME:KEY),
  // which the environment and flags may give, too.
  void AddKeys(std::vector<ApiKey>* keys);

  // kInvalidArgument naming `origin`, the setting and what it takes.
  Status Set(std::string_view name, std::string_view text, std::string_view origin);
  // A YAML mapping of settings. Names that no setting has, names said twice and values of the
  // wrong type are errors that name the line.
  Status ReadFile(const std::string& path);
  Status ReadYaml(const std::string& text, const std::string& file_name);
  // Every GLMOCR_NAME=value. `unknown` gets the names that no setting has.
  Status ReadEnvironment(char** environment, std::vector<std::string>* unknown);
  // Reads the key files, and makes the keys' list. Once, after all sources.
  Status ReadKeys();

  // Everything as YAML that ReadYaml takes, with where each value is from; keys are not shown.
  std::string Effective() const;
  // All settings as Markdown tables, for docs/server.md.
  std::string Reference() const;
  const std::vector<Setting>& all() const { return settings_; }
  // As Effective writes it: "8080", "64MiB", "a,b".
  static std::string ValueText(const Setting& setting);

 private:
  Setting* Find(std::string_view name);
  Status AddKey(ApiKey key, const std::string& where);
  Status AddKeyFile(const std::string& path, const ApiKey& limits, const std::string& name);

  std::vector<Setting> settings_;
  std::vector<ApiKey>* keys_ = nullptr;
  std::string api_key_;  // GLMOCR_API_KEY
  std::vector<std::string> api_key_files_;
  struct KeyFile {
    std::string path;
    ApiKey limits;  // and the name
  };
  std::vector<KeyFile> key_files_;  // of api_keys
};

// What a setting takes, in a word: "SECONDS", "N,...", "json|text".
std::string PlaceholderOf(const Setting& setting);

// Every field of ServerConfig.
void AddServerSettings(Settings& settings, ServerConfig* config);

// "max_queue" -> "--max-queue", "GLMOCR_MAX_QUEUE".
std::string FlagOf(std::string_view name);
std::string EnvironmentOf(std::string_view name);

}  // namespace glmocr::server
