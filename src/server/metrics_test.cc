#include "server/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "base/seconds_since.h"

namespace glmocr::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metrics, CountsWhatHappened) {
  Metrics metrics;
  metrics.Http("GET", "/v1/models/{id}", 200, 0.002);
  metrics.Http("GET", "/v1/models/{id}", 200, 0.004);
  metrics.Http("BREW", "", 404, 0.001);
  metrics.KeyRequest("bob", false);
  metrics.InterToken(0.02);
  metrics.Generation({.reason = FinishReason::kLength,
                      .usage = {.prompt_tokens = 30, .completion_tokens = 5},
                      .timing = {0.01, 0.2, 0.9}});
  metrics.DocumentBegun();
  metrics.DocumentPage(0.5, true);
  metrics.DocumentPage(0.1, false);
  std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("glmocr_http_requests_total{"));
  EXPECT_THAT(text, HasSubstr(R"(method="GET",route="/v1/models/{id}",status="200"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(method="other",route="none",status="404"} 1)"));
  EXPECT_THAT(text, Not(HasSubstr("BREW")));
  EXPECT_THAT(text, HasSubstr(R"(glmocr_request_success_total{finished_reason="length"} 1)"));
  EXPECT_THAT(text, HasSubstr("glmocr_time_to_first_token_seconds_sum 0.2"));
  EXPECT_THAT(text, HasSubstr(R"(glmocr_inter_token_latency_seconds_bucket{le="0.025"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(glmocr_inter_token_latency_seconds_bucket{le="0.01"} 0)"));
  EXPECT_THAT(text, HasSubstr(R"(glmocr_pages_read_total{result="failed"} 1)"));
  EXPECT_THAT(text, HasSubstr("glmocr_documents_running 1"));
  EXPECT_THAT(text, HasSubstr("process_resident_memory_bytes"));
  EXPECT_THAT(text, HasSubstr("process_open_fds"));
  metrics.DocumentEnded("partial", 2);
  text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("glmocr_documents_running 0"));
  EXPECT_THAT(text, HasSubstr(R"(glmocr_documents_total{status="partial"} 1)"));
}

TEST(Metrics, ReadsTheEngine) {
  Metrics metrics;
  EngineStats stats;
  stats.blocks_total = 10;
  stats.blocks_available = 4;
  stats.prefill_tokens = 70;
  stats.cached_prompt_tokens = 30;
  stats.drafted_tokens = 9;
  stats.accepted_tokens = 6;
  stats.accepted_at = {5, 1, 0};
  metrics.SetSources({.engine = [&] { return stats; },
                      .queue =
                          [] {
                            return MetricsSources::Queue{3, 512, 2, 1};
                          }});
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("glmocr_kv_cache_usage_perc 0.6"));
  EXPECT_THAT(text, HasSubstr("glmocr_prefix_cache_queries_total 100"));
  EXPECT_THAT(text, HasSubstr("glmocr_prefix_cache_hits_total 30"));
  EXPECT_THAT(text, HasSubstr("glmocr_spec_decode_num_accepted_tokens_total 6"));
  EXPECT_THAT(text, HasSubstr("_per_pos_total{position=\"0\"} 5"));
  EXPECT_THAT(text, HasSubstr("glmocr_queue_depth 3"));
  EXPECT_THAT(text, HasSubstr("glmocr_queue_refused_total 2"));
  EXPECT_THAT(text, Not(HasSubstr("glmocr_http_connections")));
}

// Recording is done on the engine's thread, once a token. The bound is 50 times what it takes on a
// quiet machine, and a thousandth of a fast decoding step.
TEST(Metrics, ATokenCostsNothingMeasurable) {
  Metrics metrics;
  constexpr int kTokens = 100'000;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < kTokens; ++i) metrics.InterToken(0.01);
  const double seconds = SecondsSince(begun);
  EXPECT_LT(seconds / kTokens, 5e-6);
}

}  // namespace
}  // namespace glmocr::server
