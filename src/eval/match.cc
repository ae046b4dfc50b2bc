#include "eval/match.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "eval/assignment.h"

namespace glmocr {
namespace {

constexpr double kSure = 0.25;      // below: the same block
constexpr double kWrong = 0.7;      // above: not the same block
constexpr double kContained = 0.4;  // below, of a part of equal length: contained
constexpr double kPart = 0.6;       // the same while neighbours are joined

using Subset = std::vector<size_t>;  // neighbouring blocks of the prediction

double Distance(EditPattern& pattern, const Symbols& text) {
  const size_t longer = std::max(pattern.size(), text.size());
  if (longer == 0) return 0;
  return static_cast<double>(pattern.Distance(text)) / static_cast<double>(longer);
}

// Whether some part of `text`, as long as the pattern, is nearer to it than `limit` (as a share of
// the pattern's length), or as near where `or_equal`. False when `text` is shorter.
bool HasPart(EditPattern& pattern, const Symbols& text, double limit, bool or_equal) {
  const size_t n = pattern.size();
  if (n == 0 || text.size() < n) return false;
  const auto fits = [&](size_t distance) {
    const double share = static_cast<double>(distance) / static_cast<double>(n);
    return share < limit || (or_equal && share == limit);
  };
  // Parts of any length bound those of equal length: from below by their least distance d, from
  // above by 2 d, for the best part is at most d longer or shorter.
  const size_t least = pattern.SearchDistance(text);
  if (!fits(least)) return false;
  if (fits(2 * least)) return true;
  for (size_t at = 0; at + n <= text.size(); ++at) {
    if (fits(pattern.Distance(std::span(text).subspan(at, n)))) return true;
  }
  return false;
}

Symbols Joined(const std::vector<const Symbols*>& parts, bool spaces) {
  Symbols out;
  for (const Symbols* part : parts) {
    if (spaces && !out.empty()) out.push_back(' ');
    out.insert(out.end(), part->begin(), part->end());
  }
  return out;
}

// The matching of one slice. Numbers are places in `truth_` and `predicted_`.
class QuickMatch {
 public:
  QuickMatch(std::vector<const Symbols*> truth, std::vector<const Symbols*> predicted)
      : truth_(std::move(truth)), predicted_(std::move(predicted)) {
    for (const Symbols* text : truth_) truth_patterns_.emplace_back(*text);
    for (const Symbols* text : predicted_) predicted_patterns_.emplace_back(*text);
  }

  std::vector<Match> Run() {
    const size_t n = truth_.size(), m = predicted_.size();
    std::vector<double> cost(n * m);
    for (size_t g = 0; g < n; ++g) {
      for (size_t p = 0; p < m; ++p) {
        cost[g * m + p] = Distance(truth_patterns_[g], *predicted_[p]);
      }
    }
    std::vector<Subset> columns = JoinNeighbours(cost);
    if (columns.size() != m) {
      cost.resize(n * columns.size());
      for (size_t c = 0; c < columns.size(); ++c) {
        const Symbols text = JoinedPrediction(columns[c]);
        for (size_t g = 0; g < n; ++g) {
          cost[g * columns.size() + c] = Distance(truth_patterns_[g], text);
        }
      }
    }
    // By the blocks of the prediction, in the order in which they were found.
    std::vector<Match> matches;
    std::set<size_t> taken;
    for (const auto& [g, c] : Assign(cost, n, columns.size())) {
      if (cost[g * columns.size() + c] > kWrong) continue;
      AddTo(matches, columns[c], g);
      taken.insert(g);
    }
    AddContained(matches, taken);
    AddLeftOver(matches, taken);
    std::erase_if(matches, [](const Match& match) { return match.truth.empty(); });
    for (Match& match : matches) std::sort(match.truth.begin(), match.truth.end());
    for (size_t g = 0; g < n; ++g) {
      if (!taken.contains(g)) matches.push_back({{g}, {}});
    }
    return matches;
  }

 private:
  Symbols JoinedPrediction(const Subset& subset) const {
    std::vector<const Symbols*> parts;
    for (const size_t p : subset) parts.push_back(predicted_[p]);
    return Joined(parts, /*spaces=*/true);
  }

  static Match& AddTo(std::vector<Match>& matches, const Subset& predicted, size_t truth) {
    auto found = std::find_if(matches.begin(), matches.end(),
                              [&](const Match& m) { return m.predicted == predicted; });
    if (found == matches.end()) found = matches.insert(matches.end(), {{}, predicted});
    found->truth.push_back(truth);
    return *found;
  }

  // Step 2: the prediction's blocks as columns, some of several.
  std::vector<Subset> JoinNeighbours(const std::vector<double>& cost) {
    const size_t n = truth_.size(), m = predicted_.size();
    std::vector<char> sure_truth(n), sure_predicted(m);
    for (size_t g = 0; g < n; ++g) {
      for (size_t p = 0; p < m; ++p) {
        if (cost[g * m + p] < kSure) sure_truth[g] = sure_predicted[p] = 1;
      }
    }
    std::vector<std::pair<Subset, double>> wanted;  // the best subset of each unsure block
    for (size_t g = 0; g < n; ++g) {
      if (sure_truth[g]) continue;
      Subset best;
      double least = std::numeric_limits<double>::infinity();
      for (size_t p = 0; p < m; ++p) {
        if (sure_predicted[p]) continue;
        const size_t count = Grow(g, p, sure_predicted);
        Subset subset(count);
        std::iota(subset.begin(), subset.end(), p);
        const double distance =
            count == 1 ? cost[g * m + p] : Distance(truth_patterns_[g], JoinedPrediction(subset));
        if (distance < least) {
          least = distance;
          best = std::move(subset);
        }
      }
      if (!best.empty()) wanted.emplace_back(std::move(best), least);
    }
    std::vector<Subset> columns;
    std::vector<Subset> chosen = Disjoint(std::move(wanted));
    std::sort(chosen.begin(), chosen.end());
    size_t next = 0;
    for (const Subset& subset : chosen) {
      for (; next < subset.front(); ++next) columns.push_back({next});
      columns.push_back(subset);
      next = subset.back() + 1;
    }
    for (; next < m; ++next) columns.push_back({next});
    return columns;
  }

  // How many blocks from `p` on are joined for the truth's block `g`.
  size_t Grow(size_t g, size_t p, const std::vector<char>& sure_predicted) {
    size_t count = 1;
    while (p + count < predicted_.size() && !sure_predicted[p + count]) {
      // Each part, and the new one, must be found in the truth, and the whole be nearer to it.
      std::vector<const Symbols*> parts(predicted_.begin() + static_cast<ptrdiff_t>(p),
                                        predicted_.begin() + static_cast<ptrdiff_t>(p + count));
      const double apart = Distance(truth_patterns_[g], Joined(parts, true));
      parts.push_back(predicted_[p + count]);
      const Symbols whole = Joined(parts, true);
      if (Distance(truth_patterns_[g], whole) > apart) break;
      for (size_t i = p; i < p + count; ++i) {
        if (!HasPart(predicted_patterns_[i], *truth_[g], kPart, /*or_equal=*/true)) return count;
      }
      if (!HasPart(predicted_patterns_[p + count], *truth_[g], kPart, /*or_equal=*/false)) break;
      ++count;
      if (whole.size() > truth_[g]->size()) break;
    }
    return count;
  }

  // Of subsets that overlap, those of the least mean cost.
  static std::vector<Subset> Disjoint(std::vector<std::pair<Subset, double>> wanted) {
    std::vector<Subset> chosen;
    std::stable_sort(wanted.begin(), wanted.end(), [](const auto& a, const auto& b) {
      return a.first.front() < b.first.front();
    });
    const auto overlap = [](const Subset& a, const Subset& b) {
      return a.front() <= b.back() && b.front() <= a.back();
    };
    for (size_t begin = 0; begin < wanted.size();) {
      size_t end = begin + 1, reach = wanted[begin].first.back();
      while (end < wanted.size() && wanted[end].first.front() <= reach) {
        reach = std::max(reach, wanted[end].first.back());
        ++end;
      }
      // Ways to pick, each begun by a subset that fits in none of those before.
      std::vector<std::vector<std::pair<Subset, double>>> ways = {{wanted[begin]}};
      for (size_t i = begin + 1; i < end; ++i) {
        bool new_way = true;
        for (auto& way : ways) {
          bool clash = false, same = false;
          for (auto& [subset, cost] : way) {
            if (subset == wanted[i].first) {
              same = true;
              cost = std::min(cost, wanted[i].second);
            } else {
              clash = clash || overlap(subset, wanted[i].first);
            }
          }
          if (!clash && !same) way.push_back(wanted[i]);
          if ((!clash && !same) || same) new_way = false;
        }
        if (new_way) ways.push_back({wanted[i]});
      }
      double least = std::numeric_limits<double>::infinity();
      const std::vector<std::pair<Subset, double>>* best = nullptr;
      for (const auto& way : ways) {
        double sum = 0;
        for (const auto& [subset, cost] : way) sum += cost;
        if (sum / static_cast<double>(way.size()) < least) {
          least = sum / static_cast<double>(way.size());
          best = &way;
        }
      }
      for (const auto& [subset, cost] : *best) chosen.push_back(subset);
      begin = end;
    }
    return chosen;
  }

  // Step 4.
  void AddContained(std::vector<Match>& matches, std::set<size_t>& taken) {
    std::vector<size_t> left;
    for (size_t g = 0; g < truth_.size(); ++g) {
      if (!taken.contains(g)) left.push_back(g);
    }
    for (size_t p = 0; p < predicted_.size(); ++p) {
      std::vector<size_t> inside;
      for (const size_t g : left) {
        if (HasPart(truth_patterns_[g], *predicted_[p], kContained, /*or_equal=*/false)) {
          inside.push_back(g);
        }
      }
      if (inside.empty()) continue;
      // A block that contains only what others have taken before is used up all the same.
      auto found = std::find_if(matches.begin(), matches.end(),
                                [&](const Match& m) { return m.predicted == Subset{p}; });
      if (found == matches.end()) found = matches.insert(matches.end(), {{}, {p}});
      for (const size_t g : inside) {
        if (taken.insert(g).second) found->truth.push_back(g);
      }
    }
  }

  // Step 5.
  void AddLeftOver(std::vector<Match>& matches, std::set<size_t>& taken) {
    std::set<size_t> used;
    for (const Match& match : matches) used.insert(match.predicted.begin(), match.predicted.end());
    std::vector<size_t> truth, predicted;
    for (size_t g = 0; g < truth_.size(); ++g) {
      if (!taken.contains(g)) truth.push_back(g);
    }
    for (size_t p = 0; p < predicted_.size(); ++p) {
      if (!used.contains(p)) predicted.push_back(p);
    }
    std::vector<double> cost;
    for (const size_t g : truth) {
      for (const size_t p : predicted) cost.push_back(Distance(truth_patterns_[g], *predicted_[p]));
    }
    for (const auto& [g, p] : Assign(cost, truth.size(), predicted.size())) {
      matches.push_back({{truth[g]}, {predicted[p]}});
      taken.insert(truth[g]);
    }
  }

  std::vector<const Symbols*> truth_, predicted_;
  std::vector<EditPattern> truth_patterns_, predicted_patterns_;
};

std::vector<Match> MatchSlice(const std::vector<MatchItem>& truth,
                              const std::vector<MatchItem>& predicted,
                              const std::vector<size_t>& truth_at,
                              const std::vector<size_t>& predicted_at) {
  std::vector<const Symbols*> truth_text, predicted_text;
  for (const size_t g : truth_at) truth_text.push_back(&truth[g].text);
  for (const size_t p : predicted_at) predicted_text.push_back(&predicted[p].text);
  std::vector<Match> matches = QuickMatch(truth_text, predicted_text).Run();
  for (Match& match : matches) {
    for (size_t& g : match.truth) g = truth_at[g];
    for (size_t& p : match.predicted) p = predicted_at[p];
  }
  return matches;
}

}  // namespace

std::vector<Match> MatchBlocks(const std::vector<MatchItem>& truth,
                               const std::vector<MatchItem>& predicted) {
  std::vector<size_t> captions, truth_at, predicted_at;
  for (size_t g = 0; g < truth.size(); ++g) {
    const bool aside =
        truth[g].kind == BlockKind::kCaption || truth[g].kind == BlockKind::kFurniture;
    (aside ? captions : truth_at).push_back(g);
  }
  // Step 1. Lengths alone tell most pairs apart.
  std::vector<char> gone(predicted.size());
  if (truth.size() > 1 || predicted.size() > 1) {
    for (const size_t g : captions) {
      EditPattern pattern(truth[g].text);
      for (size_t p = 0; p < predicted.size(); ++p) {
        const auto a = static_cast<double>(truth[g].text.size());
        const auto b = static_cast<double>(predicted[p].text.size());
        if (std::min(a, b) / std::max(a, b) <= 1 - kSure) continue;
        if (Distance(pattern, predicted[p].text) < kSure) gone[p] = 1;
      }
    }
  }
  for (size_t p = 0; p < predicted.size(); ++p) {
    if (!gone[p]) predicted_at.push_back(p);
  }
  if (truth_at.size() <= kMaxBlocksAtOnce && predicted_at.size() <= kMaxBlocksAtOnce) {
    return MatchSlice(truth, predicted, truth_at, predicted_at);
  }
  // Blocks that stand on both sides once and alike hold the rest in place: the longest sequence of
  // them in common order cuts both documents into slices; slices that are still too long are cut
  // into equal shares.
  std::map<Symbols, std::pair<size_t, size_t>> once;  // text -> places + 1 (0: none, or several)
  std::map<Symbols, std::pair<size_t, size_t>> counts;
  for (size_t i = 0; i < truth_at.size(); ++i) {
    once[truth[truth_at[i]].text].first = i;
    ++counts[truth[truth_at[i]].text].first;
  }
  for (size_t i = 0; i < predicted_at.size(); ++i) {
    once[predicted[predicted_at[i]].text].second = i;
    ++counts[predicted[predicted_at[i]].text].second;
  }
  std::vector<std::pair<size_t, size_t>> anchors;
  for (const auto& [text, places] : once) {
    if (counts[text] == std::pair<size_t, size_t>{1, 1}) anchors.push_back(places);
  }
  std::sort(anchors.begin(), anchors.end());
  // Longest increasing sequence by patience sorting.
  std::vector<size_t> ends, before(anchors.size(), SIZE_MAX);
  for (size_t i = 0; i < anchors.size(); ++i) {
    const auto place = std::lower_bound(ends.begin(), ends.end(), i, [&](size_t a, size_t b) {
      return anchors[a].second < anchors[b].second;
    });
    if (place != ends.begin()) before[i] = *(place - 1);
    if (place == ends.end()) {
      ends.push_back(i);
    } else {
      *place = i;
    }
  }
  std::vector<std::pair<size_t, size_t>> cuts;
  for (size_t i = ends.empty() ? SIZE_MAX : ends.back(); i != SIZE_MAX; i = before[i]) {
    cuts.push_back(anchors[i]);
  }
  std::reverse(cuts.begin(), cuts.end());
  cuts.emplace_back(truth_at.size(), predicted_at.size());

  std::vector<Match> matches;
  size_t g = 0, p = 0;
  const auto slice = [&](size_t g_end, size_t p_end) {
    const size_t shares =
        (std::max(g_end - g, p_end - p) + kMaxBlocksAtOnce - 1) / kMaxBlocksAtOnce;
    const size_t g_begin = g, p_begin = p;
    for (size_t s = 1; s <= shares; ++s) {
      const size_t g_next = g_begin + (g_end - g_begin) * s / shares;
      const size_t p_next = p_begin + (p_end - p_begin) * s / shares;
      const std::vector<size_t> some_truth(truth_at.begin() + static_cast<ptrdiff_t>(g),
                                           truth_at.begin() + static_cast<ptrdiff_t>(g_next));
      const std::vector<size_t> some_predicted(
          predicted_at.begin() + static_cast<ptrdiff_t>(p),
          predicted_at.begin() + static_cast<ptrdiff_t>(p_next));
      for (Match& match : MatchSlice(truth, predicted, some_truth, some_predicted)) {
        matches.push_back(std::move(match));
      }
      g = g_next;
      p = p_next;
    }
  };
  // As long slices as may be, so that little depends on the cuts.
  for (size_t i = 0; i < cuts.size(); ++i) {
    const bool last = i + 1 == cuts.size();
    if (!last && cuts[i + 1].first - g <= kMaxBlocksAtOnce &&
        cuts[i + 1].second - p <= kMaxBlocksAtOnce) {
      continue;
    }
    slice(cuts[i].first, cuts[i].second);
  }
  return matches;
}

}  // namespace glmocr
