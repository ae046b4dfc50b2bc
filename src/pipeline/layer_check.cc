#include "pipeline/layer_check.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "tokenizer/unicode.h"

namespace glmocr {
namespace {

// Shares of the compared characters. The starter model misreads 1.5 % of the characters in fonts
// that it knows, 8 % in others and up to 20 % in a few pieces of a hard one; another text, or one
// with its letters exchanged, differs in 60 % and more (docs/pdf.md has the table).
constexpr double kMaxDifference = 0.20;      // of all samples
constexpr double kMaxFontDifference = 0.35;  // of one font with enough characters
constexpr size_t kEnoughOfFont = 8;
// A piece that says something else altogether; so sure is a model that reads what is there.
constexpr double kOtherText = 0.5;
constexpr size_t kEnoughOfPiece = 8;
// A character that was never read as what the layer names it, in so many places.
constexpr int kEnoughOfCharacter = 2;
// So large a share of a page's characters may be such ones: letters that a model confuses are rare.
constexpr double kMaxStruck = 0.03;
constexpr double kEnoughShown = 0.97;  // of a page's characters: seen in the samples
constexpr size_t kParts = 5;           // of the page, each with a sample
constexpr size_t kMessageCharacters = 40;
// Digits and punctuation are too few to count among the letters, and matter (dates, sums). Of those
// that were read as something, so many must be there for a verdict, and so large a share other
// ones.
constexpr size_t kEnoughDigits = 4, kEnoughMarks = 6;
constexpr double kMaxClassDifference = 0.6;
constexpr size_t kDigitSamples = 3;  // pieces chosen for their digits, at most
// A script that the model does not know: pages in such scripts are read at 0.62 at most, Latin ones
// at 0.89 at least (page_warnings.h).
constexpr double kSureReading = 0.75;
constexpr uint32_t kFirstForeign = 0x370;  // Greek; Latin's blocks come before

bool IsForeign(const LayerSymbol& s) { return s.symbol >= kFirstForeign; }
bool IsDigit(uint32_t c) { return c >= '0' && c <= '9'; }

bool InForeignScript(const LayerSample& sample) {
  const auto n = std::count_if(sample.layer.begin(), sample.layer.end(), IsForeign);
  return 2 * static_cast<size_t>(n) > sample.layer.size();
}

// Whether some pieces are in a script that their readings show the model not to know.
bool HasUnreadScript(std::span<const LayerSample> samples) {
  size_t n = 0, letters = 0, foreign = 0;
  double confidence = 0;
  for (const LayerSample& sample : samples) {
    if (!InForeignScript(sample)) continue;
    ++n;
    confidence += sample.confidence;
    for (const LayerSymbol& s : LayerSymbols(sample.read_text, -1)) {
      ++letters;
      foreign += IsForeign(s) ? 1 : 0;
    }
  }
  return n > 0 && confidence < kSureReading * static_cast<double>(n) && 10 * foreign <= letters;
}

uint32_t LookAlike(uint32_t c) {
  switch (c) {
    case 'O':
    case '0':
      return 'o';
    case 'I':
    case '1':
    case 0x131:
    case '|':
      return 'l';
    case 'C':
    case 'K':
    case 'P':
    case 'S':
    case 'U':
    case 'V':
    case 'W':
    case 'X':
    case 'Y':
    case 'Z':
      return c + ('a' - 'A');
    default:
      return c;
  }
}

using Key = std::pair<int, uint32_t>;  // font, symbol
Key KeyOf(const LayerSymbol& s) { return {s.font, s.symbol}; }

// What an alignment of least cost makes of each symbol of the layer.
enum class Fate { kSame, kOther, kMissing };
struct Alignment {
  std::vector<Fate> fates;
  size_t edits = 0;
};

Alignment Align(std::span<const LayerSymbol> layer, std::span<const LayerSymbol> read) {
  const size_t n = layer.size(), m = read.size();
  std::vector<uint32_t> cost((n + 1) * (m + 1));
  const auto at = [&](size_t i, size_t j) -> uint32_t& { return cost[i * (m + 1) + j]; };
  for (size_t i = 0; i <= n; ++i) at(i, 0) = static_cast<uint32_t>(i);
  for (size_t j = 0; j <= m; ++j) at(0, j) = static_cast<uint32_t>(j);
  for (size_t i = 1; i <= n; ++i) {
    for (size_t j = 1; j <= m; ++j) {
      const uint32_t other = layer[i - 1].symbol == read[j - 1].symbol ? 0 : 1;
      at(i, j) = std::min({at(i - 1, j - 1) + other, at(i - 1, j) + 1, at(i, j - 1) + 1});
    }
  }
  Alignment out{std::vector<Fate>(n, Fate::kMissing), at(n, m)};
  for (size_t i = n, j = m; i > 0 && j > 0;) {
    const uint32_t other = layer[i - 1].symbol == read[j - 1].symbol ? 0 : 1;
    if (at(i, j) == at(i - 1, j - 1) + other) {
      out.fates[i - 1] = other == 0 ? Fate::kSame : Fate::kOther;
      --i, --j;
    } else if (at(i, j) == at(i - 1, j) + 1) {
      --i;
    } else {
      --j;
    }
  }
  return out;
}

// All characters but white space. Marks that are written, or read, for each other are one.
std::vector<LayerSymbol> AllSymbols(std::string_view text) {
  std::vector<LayerSymbol> out;
  for (size_t i = 0; i < text.size();) {
    const Utf8Char c = DecodeUtf8(text.data() + i);
    i += c.size_bytes;
    uint32_t symbol = LookAlike(c.code_point);
    if (symbol == ',') symbol = '.';
    if (symbol == ';') symbol = ':';
    if (symbol >= 0x2010 && symbol <= 0x2015) symbol = '-';
    if (symbol == 0x2018 || symbol == 0x2019 || symbol == '`') symbol = '\'';
    if (symbol >= 0x201c && symbol <= 0x201f) symbol = '"';
    if (symbol > ' ' && symbol != 0xa0 && symbol != 0xad) out.push_back({symbol, -1});
  }
  return out;
}

// Digits or punctuation, by what one of the two texts has there; letters are not asked about.
enum class CharacterClass { kLetter, kDigit, kPunctuation };
CharacterClass ClassOf(uint32_t c) {
  if (IsDigit(c)) return CharacterClass::kDigit;
  constexpr std::string_view kMarks = ".:-'\"()!?/%&";
  return c < 0x80 && kMarks.find(static_cast<char>(c)) != std::string_view::npos
             ? CharacterClass::kPunctuation
             : CharacterClass::kLetter;
}

struct ClassCount {
  size_t seen = 0, other = 0;
  bool Disagrees(size_t enough) const {
    return seen >= enough &&
           static_cast<double>(other) > kMaxClassDifference * static_cast<double>(seen);
  }
};

// Of the characters of each class that the page shows, as read: how many the layer names otherwise.
void CountClasses(const LayerSample& sample, ClassCount* digits, ClassCount* punctuation) {
  const std::vector<LayerSymbol> layer = AllSymbols(sample.layer_text);
  const std::vector<LayerSymbol> read = AllSymbols(sample.read_text);
  const Alignment alignment = Align(read, layer);
  for (size_t i = 0; i < read.size(); ++i) {
    if (alignment.fates[i] == Fate::kMissing) continue;
    const CharacterClass of = ClassOf(read[i].symbol);
    if (of == CharacterClass::kLetter) continue;
    ClassCount& count = of == CharacterClass::kDigit ? *digits : *punctuation;
    ++count.seen;
    count.other += alignment.fates[i] == Fate::kOther ? 1 : 0;
  }
}

std::string Says(const LayerSample& sample) {
  return fmt::format("it says {} where the page shows {}",
                     QuotedText(sample.layer_text, kMessageCharacters),
                     QuotedText(sample.read_text, kMessageCharacters));
}

}  // namespace

std::string QuotedText(std::string_view text, size_t max_characters) {
  std::string out = "'";
  size_t n = 0;
  for (size_t i = 0; i < text.size(); ++n) {
    const Utf8Char c = DecodeUtf8(text.data() + i);
    if (n == max_characters) {
      out += "...";
      break;
    }
    const utf8proc_category_t category =
        utf8proc_category(static_cast<utf8proc_int32_t>(c.code_point));
    const bool hidden = category == UTF8PROC_CATEGORY_CN || category >= UTF8PROC_CATEGORY_ZL;
    if (hidden) {
      out += fmt::format("\\u{{{:x}}}", static_cast<uint32_t>(c.code_point));
    } else {
      out += text.substr(i, c.size_bytes);
    }
    i += c.size_bytes;
  }
  return out + "'";
}

std::vector<LayerSymbol> LayerSymbols(std::string_view text, int font) {
  utf8proc_uint8_t* raw = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &raw,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE |
                                                  UTF8PROC_COMPAT | UTF8PROC_STRIPMARK));
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(raw, std::free);
  std::vector<LayerSymbol> out;
  if (size <= 0) return out;
  const std::string_view folded(reinterpret_cast<const char*>(raw), static_cast<size_t>(size));
  for (size_t i = 0; i < folded.size();) {
    const Utf8Char c = DecodeUtf8(folded.data() + i);
    i += c.size_bytes;
    const CharClass of =
        c.code_point < 0x80 ? internal::kAsciiClasses[c.code_point] : NonAsciiClass(c.code_point);
    if (of == CharClass::kLetter || of == CharClass::kNumber || c.code_point == '|')
      out.push_back({LookAlike(c.code_point), font});
  }
  return out;
}

std::vector<size_t> ChooseSamples(std::span<const std::vector<LayerSymbol>> pieces) {
  struct Need {
    size_t on_page = 0;
    int shown = 0;  // in the samples
  };
  std::map<Key, Need> needs;
  size_t total = 0;
  for (const auto& piece : pieces) {
    for (const LayerSymbol& s : piece) ++needs[KeyOf(s)].on_page, ++total;
  }
  if (total == 0) return {};
  // What a piece adds: of characters that were shown less than twice, by how often the page has
  // them.
  const auto gain = [&](size_t index) {
    std::map<Key, int> here;
    for (const LayerSymbol& s : pieces[index]) ++here[KeyOf(s)];
    double sum = 0;
    for (const auto& [key, count] : here) {
      const Need& need = needs[key];
      const int wanted = static_cast<int>(std::min<size_t>(need.on_page, 2));
      const int adds = std::min(need.shown + count, wanted) - need.shown;
      if (adds > 0) sum += static_cast<double>(adds) / wanted * static_cast<double>(need.on_page);
    }
    return sum;
  };
  std::set<size_t> chosen;
  const auto take = [&](size_t index) {
    chosen.insert(index);
    for (const LayerSymbol& s : pieces[index]) ++needs[KeyOf(s)].shown;
  };
  const auto take_best = [&](size_t begin, size_t end) {
    double most = 0;
    std::optional<size_t> best;
    for (size_t i = begin; i < end; ++i) {
      if (chosen.contains(i) || pieces[i].empty()) continue;
      // A little for length, so that a part of the page without anything new is looked at too.
      const double value = gain(i) + 0.01 * static_cast<double>(pieces[i].size());
      if (value <= most) continue;
      most = value;
      best = i;
    }
    if (best) take(*best);
    return best.has_value();
  };
  // Parts of equal length in characters.
  for (size_t part = 0, begin = 0, seen = 0; part < kParts && begin < pieces.size(); ++part) {
    size_t end = begin;
    while (end < pieces.size() && (seen < total * (part + 1) / kParts || end == begin))
      seen += pieces[end++].size();
    take_best(begin, end);
    begin = end;
  }
  // Fonts that are not shown yet, those with most characters first.
  std::map<int, size_t> fonts;
  for (const auto& [key, need] : needs) fonts[key.first] += need.on_page;
  std::vector<std::pair<size_t, int>> by_size;
  for (const auto& [font, count] : fonts) {
    if (count >= kLeastOfFont) by_size.push_back({count, font});
  }
  std::sort(by_size.rbegin(), by_size.rend());
  for (const auto& [count, font] : by_size) {
    if (chosen.size() >= kMaxLayerSamples) break;
    size_t seen = 0, most = 0, best = 0;
    for (size_t i = 0; i < pieces.size(); ++i) {
      size_t here = 0;
      for (const LayerSymbol& s : pieces[i]) here += s.font == font ? 1 : 0;
      if (chosen.contains(i)) {
        seen += here;
      } else if (here > most) {
        most = here;
        best = i;
      }
    }
    if (most > 0 && seen < std::min(count, kEnoughOfFont)) take(best);
  }
  // Digits, which are rarer than letters.
  const auto digits_of = [&](size_t index) {
    return static_cast<size_t>(
        std::count_if(pieces[index].begin(), pieces[index].end(),
                      [](const LayerSymbol& s) { return IsDigit(s.symbol); }));
  };
  for (size_t added = 0; added < kDigitSamples && chosen.size() < kMaxLayerSamples; ++added) {
    size_t seen = 0, most = 0, best = 0;
    for (size_t i = 0; i < pieces.size(); ++i) {
      const size_t here = digits_of(i);
      if (chosen.contains(i)) {
        seen += here;
      } else if (here > most) {
        most = here;
        best = i;
      }
    }
    if (most == 0 || seen >= 2 * kEnoughDigits) break;
    take(best);
  }
  const auto shown = [&] {
    double sum = 0;
    for (const auto& [key, need] : needs) {
      const int wanted = static_cast<int>(std::min<size_t>(need.on_page, 2));
      if (need.shown >= wanted) sum += static_cast<double>(need.on_page);
    }
    return sum / static_cast<double>(total);
  };
  while (chosen.size() < kMaxLayerSamples && shown() < kEnoughShown &&
         take_best(0, pieces.size())) {
  }
  return {chosen.begin(), chosen.end()};
}

LayerVerdict JudgeSamples(std::span<const LayerSample> samples, std::span<const LayerSymbol> page) {
  struct Count {
    size_t seen = 0, wrong = 0;
  };
  std::map<int, Count> fonts;
  std::map<Key, Count> characters;
  size_t edits = 0, compared = 0;
  const LayerSample* worst = nullptr;
  double worst_difference = -1;
  ClassCount digits, punctuation;
  const bool unread_script = HasUnreadScript(samples);
  for (const LayerSample& sample : samples) {
    const std::vector<LayerSymbol> read = LayerSymbols(sample.read_text, -1);
    if (unread_script && InForeignScript(sample)) continue;
    CountClasses(sample, &digits, &punctuation);
    const Alignment alignment = Align(sample.layer, read);
    const size_t longer = std::max(sample.layer.size(), read.size());
    if (longer == 0) continue;
    edits += alignment.edits;
    compared += longer;
    const double difference = static_cast<double>(alignment.edits) / static_cast<double>(longer);
    if (difference > worst_difference) {
      worst_difference = difference;
      worst = &sample;
    }
    if (difference > kOtherText && longer >= kEnoughOfPiece) return {false, Says(sample)};
    for (size_t i = 0; i < sample.layer.size(); ++i) {
      const bool wrong = alignment.fates[i] != Fate::kSame;
      Count& font = fonts[sample.layer[i].font];
      ++font.seen;
      font.wrong += wrong ? 1 : 0;
      if (alignment.fates[i] == Fate::kMissing) continue;  // swallowed: says nothing about it
      Count& character = characters[KeyOf(sample.layer[i])];
      ++character.seen;
      character.wrong += wrong ? 1 : 0;
    }
  }
  if (compared == 0 && unread_script) return {.agrees = true, .unread_script = true};
  if (compared == 0) return {false, "none of it could be checked"};
  const double difference = static_cast<double>(edits) / static_cast<double>(compared);
  const auto percent = [&] {
    return fmt::format("{} ({:.0f} % of {} characters differ)", Says(*worst), 100 * difference,
                       compared);
  };
  if (difference > kMaxDifference) return {false, percent()};
  for (const auto& [font, count] : fonts) {
    if (count.seen >= kEnoughOfFont &&
        static_cast<double>(count.wrong) > kMaxFontDifference * static_cast<double>(count.seen))
      return {false, "a font names other characters than it shows: " + percent()};
  }
  std::map<Key, size_t> on_page;
  for (const LayerSymbol& s : page) ++on_page[KeyOf(s)];
  size_t struck = 0;
  for (const auto& [key, count] : characters) {
    if (count.seen >= kEnoughOfCharacter && count.wrong == count.seen) struck += on_page[key];
  }
  if (static_cast<double>(struck) > kMaxStruck * static_cast<double>(page.size()))
    return {false, "some characters are always another in the page's picture: " + percent()};
  if (digits.Disagrees(kEnoughDigits))
    return {false, "its digits differ from those on the page: " + percent()};
  if (punctuation.Disagrees(kEnoughMarks))
    return {false, "its punctuation differs from that on the page: " + percent()};
  return {.agrees = true, .unread_script = unread_script};
}

}  // namespace glmocr
