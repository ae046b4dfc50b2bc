// The server's log: one event a line, JSON for machines or text for eyes, on standard error.
// Everything that a client sent is escaped, so that a line stays a line.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace glmocr::server {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// One named value of an event.
using LogValue = std::variant<std::string, int64_t, double, bool>;
struct LogField {
  std::string_view name;
  LogValue value;
};

class Log {
 public:
  // `json`: {"time", "level", "event", fields...}; else "time level event name=value ...".
  Log(LogLevel level, bool json);
  ~Log();
  // Any thread.
  void Write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);
  void Debug(std::string_view event, std::initializer_list<LogField> fields) {
    Write(LogLevel::kDebug, event, fields);
  }
  void Info(std::string_view event, std::initializer_list<LogField> fields) {
    Write(LogLevel::kInfo, event, fields);
  }
  void Warning(std::string_view event, std::initializer_list<LogField> fields) {
    Write(LogLevel::kWarning, event, fields);
  }
  void Failure(std::string_view event, std::initializer_list<LogField> fields) {
    Write(LogLevel::kError, event, fields);
  }

 private:
  struct Impl;
  const LogLevel level_;
  const bool json_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace glmocr::server
