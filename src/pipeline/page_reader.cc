#include "pipeline/page_reader.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "media/lines.h"

namespace glmocr {
namespace {

// What may be in flight: enough crops to keep every batch full, few enough that a thousand pages do not pile up in memory.
constexpr int64_t kMaxCrops = 256;
constexpr int64_t kMaxPatches = 32768;  // 150 MB of pixel values; a single larger picture may pass alone

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Which of two ends of pieces describes their line.
FinishReason Worse(FinishReason a, FinishReason b) { return a == FinishReason::kStop ? b : a; }

}  // namespace

struct PageReader::Piece {
  ImageInput input;
  PieceStart start = PieceStart::kWord;
  int64_t max_new_tokens = 0;
};

// A region before it is read.
struct PageReader::Region {
  std::vector<Piece> pieces;
};

struct PageReader::PendingPage {
  ReadPage page;
  std::vector<std::vector<CropReading>> readings;  // [region][piece]
  std::vector<std::vector<PieceStart>> starts;
  int64_t pieces_left = 0;
  // Text that came and was not handed out, per piece; and how far the handing out is.
  struct Stream {
    std::string text;
    size_t n_received = 0;
    bool done = false;
  };
  std::vector<std::vector<Stream>> streams;
  size_t stream_region = 0, stream_piece = 0;
  std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
};

struct PageReader::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  int64_t crops = 0, patches = 0;  // in flight
  int64_t submitted = 0, done = 0;
};

PageReader::PageReader(Recognizer& recognizer, PageReaderOptions options, OnPage on_page, OnText on_text)
    : recognizer_(recognizer),
      options_(std::move(options)),
      on_page_(std::move(on_page)),
      on_text_(std::move(on_text)),
      shared_(std::make_shared<Shared>()) {}

PageReader::~PageReader() = default;

int64_t PageReader::n_regions() const {
  std::lock_guard lock(shared_->mutex);
  return shared_->submitted;
}

int64_t PageReader::n_regions_done() const {
  std::lock_guard lock(shared_->mutex);
  return shared_->done;
}

// Finds the regions of the page and prepares their pixels for the model.
Status PageReader::Collect(const Image& image, PendingPage* pending, std::vector<Region>* regions) const {
  const GlmOcrProcessor& processor = recognizer_.processor();
  Layout layout = options_.layout;
  if (layout == Layout::kAuto) layout = recognizer_.reads_lines() ? Layout::kLines : Layout::kNone;
  if (layout == Layout::kNone) {
    GLM_ASSIGN(ImageInput input, processor.PrepareImage(image));
    regions->push_back({{{std::move(input), PieceStart::kWord, options_.generation.max_new_tokens}}});
    pending->page.regions.push_back({.box_px = {0, 0, image.width_px, image.height_px}});
    return OkStatus();
  }
  GLM_ASSIGN(LinePage lines, FindTextLines(image));
  pending->page.skew_degrees = lines.skew_degrees;
  const TextLine* previous = nullptr;
  for (const TextLine& line : lines.lines) {
    Region region;
    for (const LinePiece& piece : line.pieces) {
      GLM_ASSIGN(ImageInput input, processor.PrepareImage(PieceForModel(lines.image, piece)));
      // A window of 28 x 28 px holds at most four narrow letters: twice as many tokens is already nonsense.
      const int64_t limit = std::min<int64_t>(options_.generation.max_new_tokens, 16 + 8 * input.n_tokens);
      region.pieces.push_back({std::move(input), piece.start, limit});
    }
    regions->push_back(std::move(region));
    const bool new_column = previous != nullptr && previous->column != line.column;
    const double pitch = previous == nullptr ? 0 : line.baseline_y - previous->baseline_y;
    // Lines of a paragraph are 1.0 to 1.5 font sizes apart; more, or another size of type, begins a new one.
    const bool gap = previous != nullptr && (pitch > 1.75 * std::max(line.font_px, previous->font_px) ||
                                             line.font_px > 1.25 * previous->font_px || previous->font_px > 1.25 * line.font_px);
    pending->page.regions.push_back({.box_px = line.box, .column = line.column, .new_paragraph = new_column || gap});
    previous = &line;
  }
  return OkStatus();
}

bool PageReader::WaitFor(const std::function<bool()>& ready, const std::function<bool()>& keep_going) {
  std::unique_lock lock(shared_->mutex);
  while (!ready()) {
    lock.unlock();  // keep_going reports progress, which asks for the counters
    EmitText();
    if (!keep_going()) return false;
    lock.lock();
    if (!ready()) shared_->changed.wait_for(lock, std::chrono::milliseconds(100));
  }
  return true;
}

void PageReader::Submit(const std::shared_ptr<PendingPage>& page, std::vector<Region> regions,
                        const std::function<bool()>& keep_going) {
  for (size_t r = 0; r < regions.size(); ++r) {
    for (size_t p = 0; p < regions[r].pieces.size(); ++p) {
      Piece& piece = regions[r].pieces[p];
      const int64_t patches = piece.input.patches->rows();
      const bool room = WaitFor(
          [&] {
            return shared_->crops == 0 || (shared_->crops < kMaxCrops && shared_->patches + patches <= kMaxPatches);
          },
          keep_going);
      if (!room) return;
      {
        std::lock_guard lock(shared_->mutex);
        ++shared_->crops;
        ++shared_->submitted;
        shared_->patches += patches;
      }
      const auto finish = [shared = shared_, page, r, p, patches](CropReading reading) {
        std::lock_guard lock(shared->mutex);
        PendingPage::Stream& stream = page->streams[r][p];
        if (stream.n_received < reading.text.size()) stream.text += reading.text.substr(stream.n_received);
        stream.done = true;
        page->readings[r][p] = std::move(reading);
        if (--page->pieces_left == 0) page->page.seconds = SecondsSince(page->begun);
        --shared->crops;
        ++shared->done;
        shared->patches -= patches;
        shared->changed.notify_all();
      };
      Recognizer::OnText on_text;
      if (options_.stream == TextStream::kTokens) {
        on_text = [shared = shared_, page, r, p](std::string_view text) {
          std::lock_guard lock(shared->mutex);
          page->streams[r][p].text += text;
          page->streams[r][p].n_received += text.size();
          shared->changed.notify_all();
        };
      }
      GenerationOptions generation = options_.generation;
      generation.max_new_tokens = piece.max_new_tokens;
      const auto id = recognizer_.Submit({std::move(piece.input)}, options_.instruction, generation, finish, on_text);
      if (!id.ok()) finish({.finish = FinishReason::kError, .error = id.error()});
    }
  }
}

Status PageReader::Add(const Image& image, const PageSource& source, const std::function<bool()>& keep_going) {
  auto pending = std::make_shared<PendingPage>();
  pending->page = {.source = source.source,
                   .page = source.page,
                   .n_pages = source.n_pages,
                   .width_px = image.width_px,
                   .height_px = image.height_px};
  std::vector<Region> regions;
  GLM_RETURN_IF_ERROR(Collect(image, pending.get(), &regions));
  for (const Region& region : regions) {
    pending->readings.emplace_back(region.pieces.size());
    pending->starts.emplace_back();
    pending->streams.emplace_back(region.pieces.size());
    for (const Piece& piece : region.pieces) pending->starts.back().push_back(piece.start);
    pending->pieces_left += static_cast<int64_t>(region.pieces.size());
  }
  pending_.push_back(pending);
  Submit(pending, std::move(regions), keep_going);
  EmitFinished();
  return OkStatus();
}

// Hands out what the first page's next piece in reading order has, and what follows it as far as that is complete.
void PageReader::EmitText() {
  if (!on_text_ || options_.stream == TextStream::kNone || pending_.empty()) return;
  PendingPage& page = *pending_.front();
  while (page.stream_region < page.streams.size()) {
    std::vector<PendingPage::Stream>& pieces = page.streams[page.stream_region];
    if (page.stream_piece == pieces.size()) {
      ++page.stream_region;
      page.stream_piece = 0;
      continue;
    }
    std::string text;
    bool done = false;
    {
      std::lock_guard lock(shared_->mutex);
      PendingPage::Stream& stream = pieces[page.stream_piece];
      text = std::exchange(stream.text, {});
      done = stream.done;
    }
    const size_t region = page.stream_region;
    if (!text.empty()) on_text_(page.page, region, text);
    if (!done) return;
    const size_t next = ++page.stream_piece;
    if (next < pieces.size() && page.starts[region][next] == PieceStart::kWord) on_text_(page.page, region, " ");
  }
}

void PageReader::EmitFinished() {
  while (!pending_.empty()) {
    const std::shared_ptr<PendingPage> front = pending_.front();
    {
      std::lock_guard lock(shared_->mutex);
      if (front->pieces_left > 0) return;
    }
    EmitText();
    pending_.pop_front();
    for (size_t r = 0; r < front->readings.size(); ++r) {
      ReadRegion& region = front->page.regions[r];
      double log_probability = 0;
      for (size_t p = 0; p < front->readings[r].size(); ++p) {
        CropReading& reading = front->readings[r][p];
        if (p > 0 && front->starts[r][p] == PieceStart::kWord) region.text += ' ';
        region.text += reading.text;
        std::move(reading.tokens.begin(), reading.tokens.end(), std::back_inserter(region.tokens));
        log_probability += reading.log_probability;
        region.finish = Worse(region.finish, reading.finish);
        if (reading.error && !region.error) region.error = reading.error;
      }
      const double n = std::max<double>(1, static_cast<double>(region.tokens.size()));
      region.confidence = region.tokens.empty() ? 0 : static_cast<float>(std::exp(log_probability / n));
    }
    on_page_(std::move(front->page));
  }
}

bool PageReader::Finish(const std::function<bool()>& keep_going) {
  while (!pending_.empty()) {
    const auto front = pending_.front();
    if (!WaitFor([&] { return front->pieces_left == 0; }, keep_going)) return false;
    EmitFinished();
  }
  return true;
}

}  // namespace glmocr
