#include "pipeline/page_reader.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "media/lines.h"

namespace glmocr {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kAskInterval =
    std::chrono::milliseconds(100);  // how often keep_going is asked while waiting

double Seconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// Which of two ends of pieces describes their line.
FinishReason Worse(FinishReason a, FinishReason b) { return a == FinishReason::kStop ? b : a; }

void AddTo(Usage& sum, const Usage& usage) {
  sum.prompt_tokens += usage.prompt_tokens;
  sum.cached_prompt_tokens += usage.cached_prompt_tokens;
  sum.completion_tokens += usage.completion_tokens;
  sum.drafted_tokens += usage.drafted_tokens;
  sum.accepted_tokens += usage.accepted_tokens;
  sum.preemptions += usage.preemptions;
}

}  // namespace

struct PageReader::Piece {
  // Until it is submitted.
  ImageInput input;
  int64_t max_new_tokens = 0;
  PieceStart start = PieceStart::kWord;
  PendingPage* page = nullptr;
  size_t region = 0;

  // Written by the engine's thread, taken by the reader's, under the lock.
  std::string new_text;
  CropReading reading;
  bool ended = false;
  Clock::time_point submitted_at, ended_at;
  bool listed = false;  // in Shared's list
  Piece* next_arrived = nullptr;

  // The reader's thread.
  std::string text;  // arrived, not yet streamed: pieces of a region stream one after the other
  size_t n_streamed_bytes = 0;  // of the piece's own text, what is in `text` included
  bool done = false;
};

struct PageReader::Region {
  std::vector<Piece> pieces;
  size_t streaming = 0;  // the piece whose text goes out
  size_t pieces_left = 0;
};

struct PageReader::PendingPage {
  ReadPage page;
  std::vector<Region> regions;
  std::vector<RequestId> requests;
  size_t regions_left = 0;
  Clock::time_point begun = Clock::now();
};

// What the reader's thread and the engine's share, under InFlight's lock. The engine's thread
// writes into pieces and links them into a list: it allocates nothing for a result, so that memory
// running out cannot lose one.
struct PageReader::Shared {
  std::shared_ptr<InFlight> flight;
  int64_t submitted = 0, done = 0;
  Piece* first_arrived = nullptr;
  Piece** last_link = &first_arrived;

  // A crop of so many patches has ended.
  void Leave(int64_t n_patches) {
    --flight->crops;
    flight->patches -= n_patches;
    ++done;
    flight->Notify();
  }

  void List(Piece& piece) {
    if (piece.listed) return;
    piece.listed = true;
    piece.next_arrived = nullptr;
    *last_link = &piece;
    last_link = &piece.next_arrived;
    flight->Notify();
  }
};

PageReader::PageReader(Recognizer& recognizer, PageReaderOptions options, OnPage on_page)
    : recognizer_(recognizer),
      options_(std::move(options)),
      on_page_(std::move(on_page)),
      shared_(std::make_shared<Shared>(Shared{.flight = recognizer.in_flight()})) {
  shared_->last_link = &shared_->first_arrived;
}

// The requests' callbacks keep their pages and what they share with this reader; nothing calls back
// into it.
PageReader::~PageReader() {
  for (const auto& page : pending_) {
    for (const RequestId id : page->requests) recognizer_.Cancel(id);
  }
}

int64_t PageReader::n_regions() const {
  std::lock_guard lock(shared_->flight->mutex);
  return shared_->submitted;
}

int64_t PageReader::n_regions_done() const {
  std::lock_guard lock(shared_->flight->mutex);
  return shared_->done;
}

// Finds the regions of the page and prepares their pixels for the model.
Status PageReader::Collect(const Image& image, PendingPage* pending) const {
  const GlmOcrProcessor& processor = recognizer_.processor();
  Layout layout = options_.layout;
  if (layout == Layout::kAuto) layout = recognizer_.reads_lines() ? Layout::kLines : Layout::kNone;
  if (layout == Layout::kNone) {
    GLM_ASSIGN(ImageInput input, processor.PrepareImage(image));
    Region region;
    region.pieces.push_back(
        {.input = std::move(input), .max_new_tokens = options_.generation.max_new_tokens});
    pending->regions.push_back(std::move(region));
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
      // A window of 28 x 28 px holds at most four narrow letters: twice as many tokens is already
      // nonsense.
      const int64_t limit =
          std::min<int64_t>(options_.generation.max_new_tokens, 16 + 8 * input.n_tokens);
      region.pieces.push_back(
          {.input = std::move(input), .max_new_tokens = limit, .start = piece.start});
    }
    pending->regions.push_back(std::move(region));
    const bool new_column = previous != nullptr && previous->column != line.column;
    const double pitch = previous == nullptr ? 0 : line.baseline_y - previous->baseline_y;
    // Lines of a paragraph are 1.0 to 1.5 font sizes apart; more, or another size of type, begins a
    // new one.
    const bool gap =
        previous != nullptr &&
        (pitch > 1.75 * std::max(line.font_px, previous->font_px) ||
         line.font_px > 1.25 * previous->font_px || previous->font_px > 1.25 * line.font_px);
    pending->page.regions.push_back(
        {.box_px = line.box, .column = line.column, .new_paragraph = new_column || gap});
    previous = &line;
  }
  return OkStatus();
}

// Waits on the reader's thread, which meanwhile takes what the engine's thread has left.
bool PageReader::WaitFor(const std::function<bool()>& ready,
                         const std::function<bool()>& keep_going) {
  InFlight& flight = *shared_->flight;
  while (true) {
    TakeArrived();
    uint64_t seen = 0;
    {
      std::lock_guard lock(flight.mutex);
      if (ready()) return true;
      seen = flight.version;
    }
    if (!keep_going())
      return false;  // without the lock: it reports progress, which asks for the counters
    std::unique_lock lock(flight.mutex);
    flight.changed.wait_for(lock, kAskInterval, [&] { return flight.version != seen; });
  }
}

// Waits for room for one more crop and takes it. False when keep_going said no.
bool PageReader::EnterFlight(int64_t patches, const std::function<bool()>& keep_going) {
  InFlight& flight = *shared_->flight;
  while (true) {
    // Callbacks run without a place in the queue: everyone behind it would wait for them, and a
    // read within a callback for ever.
    TakeArrived();
    if (!keep_going()) return false;
    std::unique_lock lock(flight.mutex);
    const uint64_t ticket = flight.Queue();
    Clock::time_point ask_again = Clock::now() + kAskInterval;
    bool go_on = true;
    while (go_on && !flight.MayEnter(ticket, patches) && shared_->first_arrived == nullptr) {
      flight.changed.wait_until(lock, ask_again);
      if (Clock::now() < ask_again) continue;
      lock.unlock();
      go_on = keep_going();
      lock.lock();
      ask_again = Clock::now() + kAskInterval;
    }
    const bool enter = go_on && flight.MayEnter(ticket, patches);
    flight.Unqueue(ticket);
    if (enter) {
      ++flight.crops;
      flight.patches += patches;
      ++shared_->submitted;
      return true;
    }
    if (!go_on) return false;
  }
}

void PageReader::SubmitPiece(const std::shared_ptr<PendingPage>& page, Piece& piece,
                             int64_t patches) {
  const auto end = [shared = shared_, page, at = &piece, patches](CropReading reading) {
    std::lock_guard lock(shared->flight->mutex);
    at->reading = std::move(reading);
    at->ended = true;
    at->ended_at = Clock::now();
    shared->List(*at);
    shared->Leave(patches);
  };
  Recognizer::OnText on_text;
  if (options_.on_text) {
    on_text = [shared = shared_, page, at = &piece](std::string_view text) {
      std::lock_guard lock(shared->flight->mutex);
      at->new_text += text;
      shared->List(*at);
    };
  }
  GenerationOptions generation = options_.generation;
  generation.max_new_tokens = piece.max_new_tokens;
  std::vector<ImageInput> images;
  images.push_back(std::move(piece.input));
  page->requests.push_back(0);  // an id that no request has
  piece.submitted_at = Clock::now();
  const auto id =
      recognizer_.Submit(std::move(images), options_.instruction, generation, end, on_text);
  if (id.ok()) {
    page->requests.back() = *id;
  } else {
    end({.finish = FinishReason::kError, .error = id.error()});
  }
}

void PageReader::Submit(const std::shared_ptr<PendingPage>& page,
                        const std::function<bool()>& keep_going) {
  for (Region& region : page->regions) {
    for (Piece& piece : region.pieces) {
      const int64_t patches = piece.input.patches->rows();
      if (!EnterFlight(patches, keep_going)) return;
      try {
        SubmitPiece(page, piece, patches);
      } catch (...) {  // out of memory before it was queued: its place must not be lost to the
                       // other readers
        std::lock_guard lock(shared_->flight->mutex);
        shared_->Leave(patches);
        throw;
      }
    }
  }
}

Status PageReader::Add(const Image& image, const PageSource& source,
                       const std::function<bool()>& keep_going) {
  auto pending = std::make_shared<PendingPage>();
  pending->page = {.source = source.source,
                   .page = source.page,
                   .n_pages = source.n_pages,
                   .width_px = image.width_px,
                   .height_px = image.height_px};
  GLM_RETURN_IF_ERROR(Collect(image, pending.get()));
  pending->page.prepare_s = Seconds(pending->begun, Clock::now());
  for (size_t r = 0; r < pending->regions.size(); ++r) {
    Region& region = pending->regions[r];
    region.pieces_left = region.pieces.size();
    for (Piece& piece : region.pieces) piece.page = pending.get(), piece.region = r;
    if (region.pieces_left > 0) ++pending->regions_left;
  }
  pending_.push_back(pending);
  Submit(pending, keep_going);
  EmitFinished();
  return OkStatus();
}

// Hands on what has arrived since the last call.
void PageReader::TakeArrived() {
  while (true) {
    Piece* piece = nullptr;
    bool ended = false;
    {
      std::lock_guard lock(shared_->flight->mutex);
      piece = shared_->first_arrived;
      if (piece == nullptr) return;
      shared_->first_arrived = piece->next_arrived;
      if (shared_->first_arrived == nullptr) shared_->last_link = &shared_->first_arrived;
      piece->listed = false;
      piece->text += piece->new_text;
      piece->n_streamed_bytes += piece->new_text.size();
      piece->new_text.clear();
      ended = piece->ended;
    }
    if (ended) {
      piece->done = true;
      // The end of a character that never got complete.
      const bool more = options_.on_text && piece->reading.text.size() > piece->n_streamed_bytes;
      if (more) piece->text += piece->reading.text.substr(piece->n_streamed_bytes);
    }
    Stream(*piece->page, piece->region);
    if (ended) FinishPiece(*piece->page, piece->region);
  }
}

// Sends on the text of the region's first unfinished piece; those behind it wait.
void PageReader::Stream(PendingPage& page, size_t region_index) {
  if (!options_.on_text) return;
  Region& region = page.regions[region_index];
  while (region.streaming < region.pieces.size()) {
    Piece& piece = region.pieces[region.streaming];
    const std::string text = std::exchange(piece.text, {});
    if (!text.empty()) options_.on_text(page.page, region_index, text);
    if (!piece.done) return;
    if (++region.streaming < region.pieces.size() &&
        region.pieces[region.streaming].start == PieceStart::kWord) {
      std::string& text = region.pieces[region.streaming].text;
      text.insert(text.begin(), ' ');
    }
  }
}

// One more piece of the region has ended; the last one completes the region.
void PageReader::FinishPiece(PendingPage& page, size_t region_index) {
  Region& region = page.regions[region_index];
  if (--region.pieces_left > 0) return;
  ReadRegion& read = page.page.regions[region_index];
  double log_probability = 0;
  for (size_t p = 0; p < region.pieces.size(); ++p) {
    Piece& piece = region.pieces[p];
    CropReading& reading = piece.reading;
    if (p > 0 && piece.start == PieceStart::kWord) read.text += ' ';
    read.text += reading.text;
    if (!reading.tokens.empty()) {
      const double first = Seconds(page.begun, piece.submitted_at) + reading.timing.first_token_s;
      page.page.first_token_s =
          page.page.first_token_s == 0 ? first : std::min(page.page.first_token_s, first);
    }
    std::move(reading.tokens.begin(), reading.tokens.end(), std::back_inserter(read.tokens));
    log_probability += reading.log_probability;
    read.finish = Worse(read.finish, reading.finish);
    AddTo(read.usage, reading.usage);
    if (reading.error && !read.error) read.error = reading.error;
    page.page.seconds = std::max(page.page.seconds, Seconds(page.begun, piece.ended_at));
  }
  const double n = std::max<double>(1, static_cast<double>(read.tokens.size()));
  read.confidence = read.tokens.empty() ? 0 : static_cast<float>(std::exp(log_probability / n));
  region.pieces.clear();
  --page.regions_left;
  if (options_.on_region) options_.on_region(page.page, region_index);
}

void PageReader::EmitFinished() {
  while (!pending_.empty() && pending_.front()->regions_left == 0) {
    const std::shared_ptr<PendingPage> front = pending_.front();
    pending_.pop_front();
    on_page_(std::move(front->page));
  }
}

bool PageReader::Finish(const std::function<bool()>& keep_going) {
  while (!pending_.empty()) {
    const auto front = pending_.front();
    if (!WaitFor([&] { return front->regions_left == 0; }, keep_going)) return false;
    EmitFinished();
  }
  return true;
}

}  // namespace glmocr
