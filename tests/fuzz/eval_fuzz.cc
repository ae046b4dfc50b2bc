// Any bytes as a prediction and, after the first zero byte, a truth; the first byte says as which
// formats: no crash, no hang, and rates are numbers.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "eval/evaluate.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using glmocr::SourceFormat;
  if (size == 0) return 0;
  constexpr SourceFormat kFormats[] = {SourceFormat::kMarkdown, SourceFormat::kJson,
                                       SourceFormat::kText};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t cut = bytes.find('\0');
  const auto predicted =
      glmocr::ParseDocument(bytes.substr(0, cut), kFormats[data[0] % 3], "predicted");
  const auto truth =
      glmocr::ParseDocument(cut == std::string_view::npos ? "" : bytes.substr(cut + 1),
                            kFormats[data[0] / 3 % 3], "truth");
  if (!predicted.ok() || !truth.ok()) return 0;
  const auto scores = glmocr::Evaluate(*predicted, *truth, "fuzz");
  if (!scores.ok()) {
    GLM_CHECK(!scores.error().message.empty());
    return 0;
  }
  const glmocr::Summary summary = glmocr::Summarize({*scores});
  GLM_CHECK(summary.cer >= 0 && std::isfinite(summary.cer));
  for (const auto& rate :
       {summary.text_edit_distance, summary.order_edit_distance, summary.formula_edit_distance}) {
    GLM_CHECK(!rate || (*rate >= 0 && *rate <= 1));
  }
  GLM_CHECK(!summary.teds || *summary.teds <= 1);
  glmocr::ScoresToJson({*scores});
  return 0;
}
