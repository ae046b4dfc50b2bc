#include "jobs/fingerprint.h"

#include <fmt/format.h>

#include <string_view>

namespace glmocr {
namespace {

// Parts with their lengths, so that no two lists of parts make the same text. Numbers are written
// to the bit.
class Parts {
 public:
  void Add(std::string_view text) { all_ += fmt::format("{}:{}\n", text.size(), text); }
  template <typename T>
  requires std::is_arithmetic_v<T>
  void Add(T value) {
    if constexpr (std::is_floating_point_v<T>)
      Add(std::string_view(fmt::format("{:a}", static_cast<double>(value))));
    else
      Add(std::string_view(fmt::format("{}", value)));
  }
  template <typename T>
  requires std::is_enum_v<T>
  void Add(T value) { Add(static_cast<int>(value)); }
  std::string Take() { return std::move(all_); }

 private:
  std::string all_;
};

void AddGeneration(Parts& parts, const GenerationOptions& generation) {
  // Whose turn it is changes nothing.
  const auto& [sampling, max_new_tokens, stop_strings, priority] = generation;
  const auto& [repetition, presence, frequency, logit_bias, temperature, top_k, top_p, min_p, seed,
               n_top_logprobs] = sampling;
  for (const float value : {repetition, presence, frequency, temperature, top_p, min_p})
    parts.Add(value);
  parts.Add(top_k);
  parts.Add(seed);
  parts.Add(n_top_logprobs);
  parts.Add(logit_bias.size());
  for (const auto& [id, added] : logit_bias) {
    parts.Add(id);
    parts.Add(added);
  }
  parts.Add(max_new_tokens);
  parts.Add(stop_strings.size());
  for (const std::string& stop : stop_strings) parts.Add(stop);
}

}  // namespace

std::string ReadingFingerprint(const Hash128& content, const Recognizer& recognizer,
                               const PageReaderOptions& reader, const InputOptions& input) {
  Parts parts;
  parts.Add(GLMOCR_VERSION);
  parts.Add(content.Hex());
  parts.Add(recognizer.fingerprint());
  // Pictures are not kept with a page, and the callbacks see it only.
  const auto& [layout, layout_engine, instruction, generation, text_layer, keep_tokens, keep_image,
               on_text, text_order, on_region] = reader;
  parts.Add(layout);
  parts.Add(layout_engine ? layout_engine->fingerprint() : std::string());
  parts.Add(instruction);
  AddGeneration(parts, generation);
  parts.Add(text_layer);
  parts.Add(keep_tokens);
  parts.Add(input.Fingerprint());
  return parts.Take();
}

std::string ResultFingerprint(const std::string& reading, const std::string& pages,
                              const DocumentOptions& output) {
  Parts parts;
  parts.Add(reading);
  parts.Add(pages);
  // The names of files are the journal's matter, where temporary files lie is nobody's.
  const auto& [formats, text, stem, page_separator, pdf_jpeg_quality, pixels_per_inch, pdf, source,
               spool_folder] = output;
  parts.Add(formats.size());
  for (const DocumentFormat format : formats) parts.Add(format);
  const auto& [strict, pipe_tables, page_furniture, pictures] = text;
  for (const bool flag : {strict, pipe_tables, page_furniture, pictures}) parts.Add(flag);
  parts.Add(page_separator);
  parts.Add(pdf_jpeg_quality);
  parts.Add(pixels_per_inch);
  const auto& [language, pdfa, replace_hidden_text, deskew, clean] = pdf;
  parts.Add(language);
  for (const bool flag : {pdfa, replace_hidden_text, deskew, clean}) parts.Add(flag);
  const std::string all = parts.Take();
  return HashBytes(all.data(), all.size()).Hex();
}

}  // namespace glmocr
