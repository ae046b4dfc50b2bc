// Names of requests and jobs, and of the traces that they belong to.
#pragma once

#include <string>
#include <string_view>

namespace glmocr::server {

// 128 random bits (from the operating system) as 32 hex digits. Not to be guessed.
std::string NewRequestId();
// `header` where it is 1 to 128 of [A-Za-z0-9._-], else a new one.
std::string RequestIdOf(std::string_view header);
// The trace id of a W3C traceparent ("00-<32 hex>-<16 hex>-<2 hex>"); empty when it is none.
std::string TraceIdOf(std::string_view traceparent);

}  // namespace glmocr::server
