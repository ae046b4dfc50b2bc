#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/bench.h"

namespace glmocr {
namespace {

double Gflops(const BenchStage& s) { return s.flops / s.time.best_s * 1e-9; }
double Gbps(const BenchStage& s) { return s.bytes / s.time.best_s * 1e-9; }
double PerSecond(const BenchStage& s) { return static_cast<double>(s.items) / s.time.best_s; }

// Share of the roofline: the time that the stage cannot do without over the time that it took. 0
// when the peaks are not known.
double RooflineShare(const BenchStage& s) {
  if (s.peak_gflops == 0 || s.peak_read_gbps == 0) return 0;
  return std::max(s.flops / s.peak_gflops, s.bytes / s.peak_read_gbps) * 1e-9 / s.time.best_s;
}

double Percent(double part, double whole) { return whole == 0 ? 0 : 100 * part / whole; }
double MiB(uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

std::string Milliseconds(double s) {
  return s < 1 ? fmt::format("{:.2f} ms", s * 1e3) : fmt::format("{:.3f} s", s);
}

std::string Acceptance(double a) { return a < 0 ? "-" : fmt::format("{:.0f} %", 100 * a); }

nlohmann::json StageJson(const BenchStage& s) {
  nlohmann::json json = {{"name", s.name},
                         {"best_s", s.time.best_s},
                         {"median_s", s.time.median_s},
                         {"runs", s.time.n},
                         {"flops", s.flops},
                         {"bytes", s.bytes},
                         {"gflops", Gflops(s)},
                         {"gflops_share", Percent(Gflops(s), s.peak_gflops) / 100},
                         {"read_gbps", Gbps(s)},
                         {"peak_gflops", s.peak_gflops},
                         {"peak_read_gbps", s.peak_read_gbps},
                         {"read_share", Percent(Gbps(s), s.peak_read_gbps) / 100},
                         {"roofline_share", RooflineShare(s)}};
  if (s.items == 0) return json;
  json[s.unit + "s"] = s.items;
  json[s.unit + "s_per_s"] = PerSecond(s);
  json["kernel_s"] = {{"gemm", s.kernels.gemm_s},
                      {"attention", s.kernels.attention_s},
                      {"norm_rope", s.kernels.norm_rope_s},
                      {"other", s.kernels.other_s}};
  return json;
}

}  // namespace

std::string ToTable(const BenchReport& r) {
  std::string out = fmt::format("model {}, {} threads, kernels {}, {}, on {}\n", r.model,
                                r.n_threads, r.kernels, r.compute, r.processor);
  out += fmt::format("peaks: f32 {:.1f} GFLOP/s, bf16 {:.1f} GFLOP/s, read {:.1f} GB/s\n",
                     r.peaks.f32_gflops, r.peaks.bf16_gflops, r.peaks.read_gbps);
  out += fmt::format(
      "load (files cached) {:.2f} s; weights {:.0f} MiB, cache {:.0f} MiB; resident at most {:.0f} "
      "MiB while loading, {:.0f} MiB in all stages = weights + cache + {:.0f} MiB\n",
      r.load_s, MiB(r.weight_bytes), MiB(r.cache_bytes), MiB(r.load_peak_bytes), MiB(r.peak_bytes),
      MiB(r.peak_bytes) - MiB(r.weight_bytes) - MiB(r.cache_bytes));
  out += fmt::format("\nchecked before timing\n");
  for (const BenchCheck& c : r.checks)
    out += fmt::format("  {:<70} {:9.2g} <= {:.2g}\n", c.what, c.error, c.bound);
  if (!r.products.empty()) {
    out += fmt::format("\n{:<38} {:>11} {:>10} {:>7}\n", "matrix product (rows x columns x inputs)",
                       "time", "GFLOP/s", "of peak");
    for (const BenchStage& s : r.products) {
      out += fmt::format("{:<40} {:>11} {:>8.1f} {:>6.1f} %\n", s.name, Milliseconds(s.time.best_s),
                         Gflops(s), Percent(Gflops(s), s.peak_gflops));
    }
  }
  out += fmt::format("\n{:<18} {:>11} {:>10} {:>9} {:>7} {:>8} {:>7} {:>9}   {}\n", "stage", "time",
                     "per second", "GFLOP/s", "of peak", "GB/s", "of peak", "roofline",
                     "gemm / attention / norm, rope / other");
  for (const BenchStage& s : r.stages) {
    out += fmt::format(
        "{:<18} {:>11} {:>10.1f} {:>9.1f} {:>5.1f} % {:>8.2f} {:>5.1f} % {:>7.1f} %   {:.0f} / "
        "{:.0f} / {:.0f} / {:.0f} %\n",
        s.name, Milliseconds(s.time.best_s), PerSecond(s), Gflops(s),
        Percent(Gflops(s), s.peak_gflops), Gbps(s), Percent(Gbps(s), s.peak_read_gbps),
        100 * RooflineShare(s), Percent(s.kernels.gemm_s, s.time.best_s),
        Percent(s.kernels.attention_s, s.time.best_s),
        Percent(s.kernels.norm_rope_s, s.time.best_s), Percent(s.kernels.other_s, s.time.best_s));
  }
  if (!r.drafts.empty()) {
    out += fmt::format("\n{:<7} {:>6} {:>7} {:>7} {:>12} {:>10} {:>8}   {}\n", "drafts", "batch",
                       "tokens", "steps", "tokens/step", "tokens/s", "speed",
                       "accepted 1st, 2nd, 3rd");
    const auto speed = [](const BenchDrafts& d) {
      return static_cast<double>(d.tokens) / d.seconds;
    };
    double base = 0;
    for (const BenchDrafts& d : r.drafts) {
      if (d.mode == "0") base = speed(d);
      out += fmt::format("{:<7} {:>6} {:>7} {:>7} {:>12.2f} {:>10.1f} {:>6.2f} x   {}, {}, {}{}\n",
                         d.mode, d.batch, d.tokens, d.steps,
                         static_cast<double>(d.tokens) / static_cast<double>(d.steps), speed(d),
                         speed(d) / base, Acceptance(d.acceptance[0]), Acceptance(d.acceptance[1]),
                         Acceptance(d.acceptance[2]),
                         d.mode == "auto" ? fmt::format("   now {}", d.n_drafts_at_end) : "");
    }
  }
  return out;
}

std::string ToJson(const BenchReport& r) {
  nlohmann::json json = {{"schema", 1},
                         {"model", r.model},
                         {"kernels", r.kernels},
                         {"compute", r.compute},
                         {"processor", r.processor},
                         {"threads", r.n_threads},
                         {"peaks",
                          {{"f32_gflops", r.peaks.f32_gflops},
                           {"bf16_gflops", r.peaks.bf16_gflops},
                           {"read_gbps", r.peaks.read_gbps}}},
                         {"load_s", r.load_s},
                         {"weight_bytes", r.weight_bytes},
                         {"cache_bytes", r.cache_bytes},
                         {"load_peak_bytes", r.load_peak_bytes},
                         {"peak_bytes", r.peak_bytes}};
  for (const auto& [key, list] :
       {std::pair{"products", &r.products}, std::pair{"stages", &r.stages}}) {
    json[key] = nlohmann::json::array();
    for (const BenchStage& s : *list) json[key].push_back(StageJson(s));
  }
  json["checks"] = nlohmann::json::array();
  for (const BenchCheck& c : r.checks)
    json["checks"].push_back({{"what", c.what}, {"error", c.error}, {"bound", c.bound}});
  json["drafts"] = nlohmann::json::array();
  for (const BenchDrafts& d : r.drafts) {
    nlohmann::json row = {{"mode", d.mode},       {"batch", d.batch},
                          {"tokens", d.tokens},   {"steps", d.steps},
                          {"seconds", d.seconds}, {"n_drafts_at_end", d.n_drafts_at_end}};
    row["acceptance"] = nlohmann::json::array();
    for (const double a : d.acceptance)
      row["acceptance"].push_back(a < 0 ? nlohmann::json() : nlohmann::json(a));
    json["drafts"].push_back(std::move(row));
  }
  return json.dump(2) + "\n";
}

}  // namespace glmocr
