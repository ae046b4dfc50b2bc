#include "pipeline/page_warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

namespace glmocr {
namespace {

int64_t Letters(std::string_view text) {
  int64_t n = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    n += byte > ' ' && (byte & 0xC0) != 0x80;
  }
  return n;
}

int Percent(double share) { return static_cast<int>(std::lround(100 * share)); }

class Judge {
 public:
  Judge(const ReadPage& page, const PageFacts& facts)
      : page_(page), facts_(facts), signs_(SignsOf(page)) {}

  std::vector<Warning> Run() {
    if (page_.error) return {};
    Ink();
    Confidence();
    Cuts();
    Resolution();
    return std::move(out_);
  }

 private:
  void Add(WarningKind kind, std::string message) {
    out_.push_back({.kind = kind, .page = page_.page, .message = std::move(message)});
  }

  bool HasText() const {
    return std::any_of(page_.regions.begin(), page_.regions.end(),
                       [](const ReadRegion& r) { return Letters(r.text) > 0; });
  }

  void Ink() {
    const InkCover& ink = facts_.ink;
    if (ink.ink() < kLeastInk) return;
    const int in_pictures = Percent(ink.in_pictures());
    if (!HasText()) {
      Add(WarningKind::kNoText,
          in_pictures > 0
              ? fmt::format("no text found; {} % of the ink is in pictures", in_pictures)
              : "no text found, but the page is not blank");
      return;
    }
    if (facts_.largest_picture >= kPageSized && ink.in_pictures() >= kMostInPicture) {
      Add(WarningKind::kUncoveredInk,
          fmt::format(
              "{} % of the ink is in a picture as large as the page; text in it was not read",
              in_pictures));
    } else if (ink.uncovered() >= kMostUncovered) {
      Add(WarningKind::kUncoveredInk,
          fmt::format("{} % of the ink is outside the regions that were read",
                      Percent(ink.uncovered())));
    }
  }

  void Confidence() {
    if (signs_.n_tokens < kLeastTokens) {
      if (signs_.n_letters > 0 && signs_.confidence < kSureFew) {
        Add(WarningKind::kLowConfidence,
            fmt::format("confidence {:.2f} in the little that was read: it may be no text",
                        signs_.confidence));
      }
      return;
    }
    constexpr std::string_view kWhy = "turned, or in a script that this model does not know";
    if (signs_.confidence < kSurePage) {
      Add(WarningKind::kLowConfidence,
          fmt::format("confidence {:.2f}: the page may be {}", signs_.confidence, kWhy));
    } else if (signs_.weak >= kMostWeak) {
      Add(WarningKind::kLowConfidence,
          fmt::format("low confidence in {} % of the text: it may be {}", Percent(signs_.weak),
                      kWhy));
    }
  }

  void Cuts() {
    int repeated = 0, limited = 0;
    for (const ReadRegion& region : page_.regions) {
      repeated += region.finish == FinishReason::kLoop;
      limited += region.finish == FinishReason::kLength;
    }
    const auto regions = [](int n) {
      return n == 1 ? std::string("one region") : fmt::format("{} regions", n);
    };
    if (repeated > 0) {
      Add(WarningKind::kTextCut,
          fmt::format("the text of {} was cut: the model repeated itself", regions(repeated)));
    }
    if (limited > 0) {
      Add(WarningKind::kTextCut,
          fmt::format("the text of {} was cut: it reached the limit of tokens", regions(limited)));
    }
  }

  void Resolution() {
    const bool read =
        std::any_of(page_.regions.begin(), page_.regions.end(), [](const ReadRegion& r) {
          return !r.from_text_layer && TaskOf(r.label) != RegionTask::kSkip;
        });
    if (!read && HasText()) return;  // the PDF's own text is as good at any size
    double font_px = facts_.font_px;
    // Without lines, what is connected is measured: letters, if it is not a picture.
    if (font_px == 0 && !HasText() && facts_.ink.ink() >= kLeastInk &&
        facts_.ink.in_pictures() < 0.5)
      font_px = facts_.ink.letter_px / kLetterPerFont;
    if (font_px <= 0 || font_px >= kLeastFontPx) return;
    Add(WarningKind::kLowResolution,
        fmt::format("the letters are {} pixels high; scan or render at 200 dpi or more",
                    std::max(1L, std::lround(font_px * kLetterPerFont))));
  }

  const ReadPage& page_;
  const PageFacts& facts_;
  const TextSigns signs_;
  std::vector<Warning> out_;
};

}  // namespace

TextSigns SignsOf(const ReadPage& page) {
  TextSigns signs;
  double log_probability = 0;
  int64_t weak = 0;
  const auto add_line = [&](std::string_view text, double confidence) {
    const int64_t letters = Letters(text);
    signs.n_letters += letters;
    if (confidence < kSureLine) weak += letters;
  };
  for (const ReadRegion& region : page.regions) {
    if (region.from_text_layer) continue;
    if (region.confidence > 0) {
      const int64_t n = std::max<int64_t>(1, region.usage.completion_tokens);
      signs.n_tokens += n;
      log_probability += static_cast<double>(n) * std::log(region.confidence);
    }
    if (region.lines.empty()) add_line(region.text, region.confidence);
    for (const ReadLine& line : region.lines) add_line(line.text, line.confidence);
  }
  if (signs.n_tokens > 0)
    signs.confidence = std::exp(log_probability / static_cast<double>(signs.n_tokens));
  if (signs.n_letters > 0)
    signs.weak = static_cast<double>(weak) / static_cast<double>(signs.n_letters);
  return signs;
}

std::vector<Warning> JudgePage(const ReadPage& page, const PageFacts& facts) {
  return Judge(page, facts).Run();
}

}  // namespace glmocr
