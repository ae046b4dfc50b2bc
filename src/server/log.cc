#include "server/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

namespace glmocr::server {
namespace {

using nlohmann::ordered_json;

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

std::string Json(const LogValue& value) {
  return std::visit(
      [](const auto& v) {
        // Escapes control characters and everything that is not ASCII.
        return ordered_json(v).dump(-1, ' ', true, ordered_json::error_handler_t::replace);
      },
      value);
}

}  // namespace

struct Log::Impl {
  spdlog::logger logger{"glm-ocr", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
};

Log::Log(LogLevel level, bool json) : level_(level), json_(json), impl_(std::make_unique<Impl>()) {
  impl_->logger.set_level(SpdlogLevel(level));
  impl_->logger.flush_on(spdlog::level::debug);
  impl_->logger.set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%f%z","level":"%l",%v})"
                                 : "%Y-%m-%d %H:%M:%S.%e %l %v");
}

Log::~Log() = default;

void Log::Write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (level < level_) return;
  std::string line = json_ ? "\"event\":" + Json(std::string(event)) : std::string(event);
  for (const LogField& field : fields) {
    if (json_) {
      line += ",\"" + std::string(field.name) + "\":" + Json(field.value);
    } else {
      line += " " + std::string(field.name) + "=" + Json(field.value);
    }
  }
  impl_->logger.log(SpdlogLevel(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace glmocr::server
