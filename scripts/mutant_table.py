"""The bugs that scripts/mutants.py plants. A change of the code that one of them stands in moves it along."""

from typing import NamedTuple


class Mutant(NamedTuple):
    name: str
    file: str
    old: str  # stands in the file exactly once
    new: str
    target: str  # of the build: a gtest program
    filter: str  # of its tests


KERNELS = "src/kernels/kernels_test"
GOLDEN = "tests/parity_golden_test"
ENGINE_PARTS = "src/engine/engine_parts_test"
ENGINE = "src/engine/engine_test"
TOKENIZER = "src/tokenizer/tokenizer_test"
GRAMMAR = "src/grammar/grammar_test"
MEDIA = "src/media/media_test"
LAYOUT = "src/layout/layout_test"
PIPELINE = "src/pipeline/pipeline_test"
FORMAT = "src/format/format_test"
JOBS = "src/jobs/jobs_test"
SERVER_RULES = "src/server/server_rules_test"
TEXT_APIS = "src/server/text_apis_test"
PDF = "src/pdf/pdf_test"

MUTANTS = [
    # ---- kernels and ops
    Mutant("conv_window_reads_past_the_right_edge", "src/kernels/cpu/gemm.cc",
           "y[r] + ky < w.height && x[r] + kx >= 0 && x[r] + kx < w.width;",
           "y[r] + ky < w.height && x[r] + kx >= 0 && x[r] + kx <= w.width;", KERNELS, "KernelsConv.*"),
    Mutant("gated_bias_taken_twice", "src/kernels/cpu/gemm.cc",
           "f.bias_up = f.bias + out_cols;", "f.bias_up = f.bias;", KERNELS, "Gemm.*"),
    Mutant("last_columns_not_clipped", "src/kernels/cpu/gemm.cc",
           "f.columns = static_cast<int>(std::min<int64_t>(kColumns, out_cols - column));",
           "f.columns = static_cast<int>(kColumns);", KERNELS, "Gemm.*"),
    Mutant("attention_without_its_own_key", "src/kernels/cpu/attention.cc",
           "return sequence_.start + (range_.begin + r) / group_ + 1; }",
           "return sequence_.start + (range_.begin + r) / group_; }", KERNELS, "*PagedAttentionMatchesReference*"),
    Mutant("attention_sees_past_a_partial_block", "src/kernels/cpu/attention.cc",
           "if (key == 0 || tile.n_keys < kKeyBlock)", "if (key == 0)", KERNELS, "*SegmentAttentionMatchesReference*"),
    Mutant("cache_slot_counted_from_the_chunk", "src/kernels/cpu/attention.cc",
           "const int64_t token = sequence.start + r, slot = token % kKvBlock;",
           "const int64_t token = sequence.start + r, slot = r % kKvBlock;", KERNELS, "*CacheBytesMatchReference*"),
    Mutant("rms_norm_without_epsilon", "src/kernels/cpu/norm_rope_inl.h",
           "return 1.0f / SquareRoot(squares / static_cast<float>(n) + eps);",
           "return 1.0f / SquareRoot(squares / static_cast<float>(n));", KERNELS, "*NormRope*"),
    Mutant("layer_norm_counts_lanes_behind_the_row", "src/kernels/cpu/norm_rope_inl.h",
           "KeepFirst(Sub(v, mean), valid, Splat(0));", "Sub(v, mean);", KERNELS, "*NormRope*"),
    Mutant("depthwise_conv_skips_the_last_column", "src/kernels/cpu/norm_rope_inl.h",
           "kx1 = w.width - x0 < w.kernel ? w.width - x0 : w.kernel;",
           "kx1 = w.width - x0 <= w.kernel ? w.width - x0 - 1 : w.kernel;", KERNELS, "KernelsConv.*"),
    Mutant("text_rope_axes_shifted_by_one", "src/ops/rope.cc",
           "const size_t axis = k < sections[0] ? 0 :", "const size_t axis = k <= sections[0] ? 0 :",
           GOLDEN, "*ParityGolden*"),
    Mutant("vision_rope_of_the_whole_head", "src/ops/rope.cc",
           "InverseFrequencies(10000.0f, head_dim / 2, per_axis)", "InverseFrequencies(10000.0f, head_dim, per_axis)",
           GOLDEN, "*ParityGolden*"),
    # ---- scheduler and engine
    Mutant("no_spare_block_at_admission", "src/engine/scheduler.cc",
           "return BlocksFor(sequence->n_tokens()) + static_cast<int64_t>(running_.size());",
           "return BlocksFor(sequence->n_tokens());", ENGINE_PARTS, "SchedulerTest.*"),
    Mutant("prompt_forgotten_from_its_beginning", "src/engine/scheduler.cc",
           "for (auto it = sequence->block_table.rbegin(); it != sequence->block_table.rend(); ++it)",
           "for (auto it = sequence->block_table.begin(); it != sequence->block_table.end(); ++it)",
           ENGINE_PARTS, "SchedulerTest.*"),
    Mutant("one_place_of_the_reserve_given_away", "src/engine/scheduler.cc",
           "if (RunningAbove(lowest) < options_.max_running - options_.reserved_for_lowest)",
           "if (RunningAbove(lowest) <= options_.max_running - options_.reserved_for_lowest)",
           ENGINE_PARTS, "SchedulerTest.*"),
    Mutant("drafts_take_the_rows_of_prefill", "src/engine/scheduler.cc",
           "int64_t draft_rows = budget.rows / 2;", "int64_t draft_rows = budget.rows;", ENGINE_PARTS, "SchedulerTest.*"),
    Mutant("picture_after_the_last_row_not_encoded", "src/engine/scheduler.cc",
           "if (image.first_token > end) break;", "if (image.first_token >= end) break;", ENGINE_PARTS, "SchedulerTest.*"),
    Mutant("cached_tokens_counted_after_preemption", "src/engine/scheduler.cc",
           "if (!sequence->was_scheduled) sequence->usage", "sequence->usage", ENGINE, "Engine.*"),
    Mutant("prefix_key_without_the_picture_row", "src/engine/prefix_cache.cc",
           "words.push_back(static_cast<uint64_t>(t.image_row));", "words.push_back(0);",
           ENGINE_PARTS, "PrefixCache.*"),
    Mutant("first_token_time_without_submit_time", "src/engine/engine.cc",
           "s.timing.first_token_s = options_.clock_s() - s.submitted_s;",
           "s.timing.first_token_s = options_.clock_s();", ENGINE, "Engine.*"),
    Mutant("stop_string_shown_with_its_token", "src/engine/engine.cc",
           "token.index,   token.bytes.substr(0, n_bytes),", "token.index,   token.bytes,", ENGINE, "Engine.*"),
    Mutant("one_request_more_than_may_wait", "src/engine/engine.cc",
           "if (n_unstarted_ >= options_.max_waiting) {", "if (n_unstarted_ > options_.max_waiting) {",
           ENGINE, "Engine.*"),
    # ---- sampler
    Mutant("min_p_before_top_p", "src/engine/sampler.cc",
           "  if (params_.top_p < 1) {\n    double total = 0;",
           "  if (params_.min_p > 0)\n    std::erase_if(c, [&](const auto& x) { return x.first < params_.min_p; });\n"
           "  if (params_.top_p < 1) {\n    double total = 0;", ENGINE_PARTS, "Sampler.*"),
    Mutant("top_p_leaves_one_more", "src/engine/sampler.cc",
           "c.resize(sorted + 1);", "c.resize(std::min(sorted + 2, c.size()));", ENGINE_PARTS, "Sampler.*"),
    Mutant("repetition_penalty_rewards_negative_logits", "src/engine/sampler.cc",
           "logit > 0 ? logit / repetition_ : logit * repetition_;", "logit / repetition_;", ENGINE_PARTS, "Sampler.*"),
    Mutant("logprobs_after_penalties", "src/engine/sampler.cc",
           "FillLogprobs(original, params_", "FillLogprobs(logits, params_", ENGINE_PARTS, "Sampler.*"),
    Mutant("presence_penalty_per_occurrence", "src/engine/sampler.cc",
           "presence_ + frequency_ * static_cast<float>(seen.n_output)",
           "(presence_ + frequency_) * static_cast<float>(seen.n_output)", ENGINE_PARTS, "Sampler.*"),
    Mutant("token_mask_of_its_first_word", "src/engine/sampler.cc",
           "if ((words[i / 64] >> (i % 64) & 1) == 0)", "if ((words[0] >> (i % 64) & 1) == 0)", ENGINE_PARTS, "Sampler.*"),
    # ---- tokenizer and grammar
    Mutant("equal_merges_from_the_right", "src/tokenizer/bpe.cc",
           "return rank != o.rank ? rank > o.rank : left > o.left;",
           "return rank != o.rank ? rank > o.rank : left < o.left;", TOKENIZER, "*"),
    Mutant("digits_in_groups_of_four", "src/tokenizer/pretokenizer.cc",
           "for (int n = 0; n < 3 && p != end; ++n) {", "for (int n = 0; n < 4 && p != end; ++n) {", TOKENIZER, "PreTokenizer.*"),
    Mutant("half_a_character_lost_at_the_end", "src/tokenizer/stream_decoder.cc",
           "if (!pending_.empty()) out->append(kReplacement);\n", "", TOKENIZER, "*"),
    Mutant("surrogates_in_json_strings", "src/grammar/json_rules.cc",
           "lead(0xED, 0xED, 0x80, 0x9F, last1);", "lead(0xED, 0xED, 0x80, 0xBF, last1);", GRAMMAR, "Json*"),
    Mutant("exclusive_maximum_included", "src/grammar/number.cc",
           "(high == Against::kEqual && (!exhausted(*high_) || !high_->exclusive));", "high == Against::kEqual;",
           GRAMMAR, "JsonSchema.*"),
    Mutant("list_of_one_item_too_few", "src/grammar/schema_compiler.cc",
           "if (i + 1 >= min) b_.Call(behind, close, end);", "if (i + 2 >= min) b_.Call(behind, close, end);",
           GRAMMAR, "JsonSchema.*"),
    # ---- media and layout
    Mutant("halves_rounded_to_odd", "src/media/image_processor.cc",
           "(rest == 0.5 && down % 2 != 0)", "(rest == 0.5 && down % 2 == 0)", MEDIA, "SmartResize.*"),
    Mutant("interpolation_with_pillows_cubic", "src/media/resize.cc",
           "w[to] += Cubic(j - 1 - lambda, -0.75);", "w[to] += Cubic(j - 1 - lambda, -0.5);", MEDIA, "Resize.*"),
    Mutant("ink_of_text_in_a_picture_counts_as_picture", "src/media/ink_cover.cc",
           "out->picture_px += (f & kPicture) != 0 && (f & kText) == 0;", "out->picture_px += (f & kPicture) != 0;",
           MEDIA, "InkCover.*"),
    Mutant("page_sized_picture_of_a_wide_page", "src/layout/layout_rules.cc",
           "(width > height ? 0.82 : 0.93)", "(width < height ? 0.82 : 0.93)", LAYOUT, "LayoutRules.*"),
    Mutant("half_covered_paragraph_read_twice", "src/layout/uncovered.cc",
           "if (2 * covered >= Area(region.box)) continue;", "if (covered >= Area(region.box)) continue;",
           LAYOUT, "UncoveredLayout.*"),
    # ---- pipeline
    Mutant("no_penalty_on_the_second_reading", "src/pipeline/page_reader.cc",
           "constexpr float kRetryPenalty = 1.15f;", "constexpr float kRetryPenalty = 1;", PIPELINE, "PageReader.*"),
    Mutant("piece_of_a_line_without_token_limit", "src/pipeline/page_crops.cc",
           "std::min<int64_t>(crop.max_new_tokens, 16 + 8 * crop.input.n_tokens)", "crop.max_new_tokens",
           PIPELINE, "PageReader.*"),
    Mutant("loop_kept_in_the_text_of_a_piece", "src/pipeline/recognizer.cc",
           "r.text.resize(reading->text_ends[kept - 1]);", "", PIPELINE, "PageReader.*"),
    Mutant("hyphen_before_a_capital_dropped", "src/pipeline/assemble.cc",
           "if (first < 0x80) return first >= 'a' && first <= 'z';", "if (first < 0x80) return IsLetterByte(text.front());",
           PIPELINE, "JoinParagraph.*"),
    Mutant("pages_from_the_end_not_clipped", "src/pipeline/page_ranges.cc",
           "if (part.range && part.first < 0 && last >= 1) first = std::max(first, 1);", "", PIPELINE, "PageRanges.*"),
    Mutant("regions_weigh_the_same_in_confidence", "src/pipeline/page_warnings.cc",
           "const int64_t n = std::max<int64_t>(1, region.usage.completion_tokens);", "const int64_t n = 1;",
           PIPELINE, "PageWarnings.*"),
    # ---- formats
    Mutant("descent_of_estimated_lines", "src/format/text_geometry.cc",
           "constexpr double kDescent = 0.2;", "constexpr double kDescent = 0.3;", FORMAT, "TextGeometry.*"),
    Mutant("span_of_a_cell_not_clamped", "src/format/tables.cc",
           "std::clamp(span, 1, max) : 1;", "std::max(span, 1) : 1;", FORMAT, "Tables.*"),
    Mutant("line_break_in_a_hocr_title", "src/format/xml_formats.cc",
           "out += c == '\\n' || c == '\\r' || c == '\\t' ? ' ' : c;", "out += c;", FORMAT, "Hocr.*"),
    Mutant("bar_within_a_formula_ends_the_cell", "src/format/tables.cc",
           "i < formula_end ? c == '|'\n", "i < formula_end ? false\n", FORMAT, "DocumentWriter.*"),
    Mutant("checkpoint_with_more_than_a_page", "src/format/page_checkpoint.cc",
           "if (next_ != array_.size()) throw NotAPage();", "", FORMAT, "PageCheckpoint.*"),
    # ---- jobs
    Mutant("resume_with_other_options", "src/jobs/journal.cc",
           "|| entry.hash != hash || entry.options != options)", "|| entry.hash != hash)", JOBS, "JournalTest.*"),
    Mutant("resume_without_the_files", "src/jobs/journal.cc",
           "if (!fs::exists(folder_ / file, none)) return false;", "if (file.empty()) return false;", JOBS, "JournalTest.*"),
    Mutant("entry_appended_to_a_torn_line", "src/jobs/journal.cc",
           "const bool torn = !text.empty() && text.back() != '\\n';", "const bool torn = false;", JOBS, "JournalTest.*"),
    Mutant("two_documents_in_one_folder", "src/jobs/output_names.cc",
           "  taken_.insert(name.folder);\n", "", JOBS, "OutputNamesTest.*"),
    # ---- server and limits
    Mutant("prompt_counted_once_per_choice", "src/server/generation.cc",
           "if (c % task.n == 0) {", "{", TEXT_APIS, "OpenAiChat.*"),
    Mutant("loop_kept_in_the_text_of_an_answer", "src/server/generation.cc",
           "choice.text.resize(stream.text_ends[kept - 1]);", "", TEXT_APIS, "OpenAiChat.*"),
    Mutant("loop_kept_in_logprobs", "src/server/generation.cc",
           "if (choice.tokens.size() > kept) choice.tokens.resize(kept);", "", TEXT_APIS, "OpenAiChat.*"),
    Mutant("one_request_more_than_a_key_may_run", "src/server/keys.cc",
           "use.running >= key->max_concurrent) return 1;", "use.running > key->max_concurrent) return 1;",
           SERVER_RULES, "Router.*"),
    Mutant("largest_number_refused", "src/server/json_fields.cc",
           "if (huge || number < low || number > high) {", "if (huge || number < low || number >= high) {",
           SERVER_RULES, "Fields.*"),
    # ---- PDF
    Mutant("sides_of_pages_rounded_up_always", "src/pdf/page_size.h",
           "std::ceil(points * scale - 0.001)", "std::ceil(points * scale)", PDF, "PageSize.*"),
    Mutant("half_drawn_word_not_drawn", "src/pdf/text_layer.cc",
           "2 * word_drawn_ >= chars_ &&", "2 * word_drawn_ > chars_ &&", PDF, "TextLayer.*"),
]
