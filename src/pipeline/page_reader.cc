#include "pipeline/page_reader.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <new>

#include "media/resize.h"
#include "pipeline/assemble.h"
#include "pipeline/word_places.h"

namespace glmocr {
namespace {

using Clock = std::chrono::steady_clock;

// Pages that wait for their regions, at most: enough that sparse pages fill a batch, few enough
// that their pictures (12 MB of an A4 page at 200 dpi, with keep_image) stay small against a model.
constexpr size_t kMaxPendingPages = 4;
// Of a second attempt at a piece that ran into a loop.
constexpr float kRetryPenalty = 1.15f;
// Of one at a piece that failed: so much of the pixels needs less memory, and gives other numbers.
constexpr double kRetryPixels = 0.5;
constexpr auto kAskInterval =
    std::chrono::milliseconds(100);  // how often keep_going is asked while waiting

double Seconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// Which of two ends of pieces describes their line.
FinishReason Worse(FinishReason a, FinishReason b) { return a == FinishReason::kStop ? b : a; }

// Whether a piece ended with an error that need not come again.
bool MayPass(const CropReading& reading) {
  return reading.finish == FinishReason::kError && reading.error &&
         reading.error->code != ErrorCode::kCancelled &&
         reading.error->code != ErrorCode::kInvalidArgument;
}

// Whether the second reading of a piece counts, in place of the first.
bool IsBetter(const CropReading& second, const CropReading& first) {
  if (second.finish == FinishReason::kStop) return true;
  const bool broken = second.finish == FinishReason::kError ||
                      second.finish == FinishReason::kCancelled ||
                      second.finish == FinishReason::kDeadline;
  if (first.finish == FinishReason::kError)
    return !broken || second.text.size() > first.text.size();
  return first.text.empty() && !broken;
}

// Geometric mean; 0 without tokens.
float MeanProbability(double log_probability, size_t n_tokens) {
  return n_tokens == 0
             ? 0
             : static_cast<float>(std::exp(log_probability / static_cast<double>(n_tokens)));
}

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
  PageCrop crop;  // its pixels until it is done: it may be read twice
  PendingPage* page = nullptr;
  size_t region = 0;
  bool retried = false;
  int sample = -1;  // of LayerTrial::samples: read first, to judge the page's text layer
  bool submitted = false;

  // Written by the engine's thread, taken by the reader's, under the lock.
  std::string new_text;
  CropReading reading;
  bool ended = false;
  Clock::time_point submitted_at, ended_at;
  bool listed = false;  // in Shared's list
  Piece* next_arrived = nullptr;

  // The reader's thread.
  CropReading first_reading;  // of a retried piece
  std::string text;  // arrived, not yet streamed: pieces of a region stream one after the other
  size_t n_streamed_bytes = 0;  // of the piece's own text, what is in `text` included
  bool done = false;
};

struct PageReader::Region {
  std::vector<Piece> pieces;
  size_t streaming = 0;  // the piece whose text goes out
  size_t pieces_left = 0;
  std::string held;      // with TextOrder::kReading: text that waits for its turn
  bool by_line = false;  // its text is assembled from lines: it goes out when it is complete
};

struct PageReader::PendingPage : std::enable_shared_from_this<PageReader::PendingPage> {
  ReadPage page;
  PageFacts facts;
  std::vector<Region> regions;
  std::vector<RequestId> requests;
  size_t regions_left = 0;
  std::unique_ptr<LayerTrial> trial;  // until its samples are read
  size_t samples_left = 0;
  // Whether the region waits for the trial's end.
  bool OnTrial(size_t region) const {
    return trial != nullptr && region < trial->regions.size() && trial->regions[region].has_value();
  }
  size_t next_region = 0;  // with TextOrder::kReading: the region whose turn it is
  Clock::time_point begun = Clock::now();
  bool fresh = false;  // read now: its warnings are not judged yet
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

CropOptions PageReader::OptionsOfCrops(const PdfTextLayer* text_layer) const {
  return {.layout = options_.layout,
          .engine = options_.layout_engine.get(),
          .reads_lines = recognizer_.reads_lines(),
          .instruction = options_.instruction,
          .max_new_tokens = options_.generation.max_new_tokens,
          .keep_image = options_.keep_image,
          .text_layer = text_layer,
          .text_layer_mode = options_.text_layer};
}

Result<std::shared_ptr<PageReader::PendingPage>> PageReader::Prepare(
    const Image& image, const PageSource& source, const PdfTextLayer* text_layer) const {
  auto pending = std::make_shared<PendingPage>();
  GLM_ASSIGN(PageCrops crops, CropPage(image, recognizer_.processor(), OptionsOfCrops(text_layer)));
  pending->page = std::move(crops.page);
  pending->facts = crops.facts;
  pending->fresh = true;
  pending->page.source = source.source;
  pending->page.page = source.page;
  pending->page.n_pages = source.n_pages;
  pending->page.warnings.insert(pending->page.warnings.begin(), source.warnings.begin(),
                                source.warnings.end());
  for (Warning& warning : pending->page.warnings) warning.page = source.page;
  for (std::vector<PageCrop>& of_region : crops.regions) {
    Region& region = pending->regions.emplace_back();
    const size_t index = pending->regions.size() - 1;
    for (PageCrop& crop : of_region) {
      region.by_line = crop.line >= 0;
      region.pieces.push_back({.crop = std::move(crop), .page = pending.get(), .region = index});
    }
    region.pieces_left = region.pieces.size();
    const bool on_trial = crops.trial != nullptr && crops.trial->regions[index].has_value();
    if (region.pieces_left > 0 || on_trial) {
      ++pending->regions_left;
    } else if (ReadRegion& read = pending->page.regions[index];
               !read.cells.empty() && !read.from_text_layer) {
      AssembleText(read);  // a grid without a single text
    }
  }
  if (crops.trial != nullptr) {
    for (size_t i = 0; i < crops.trial->samples.size(); ++i) {
      const LayerTrial::Sample& sample = crops.trial->samples[i];
      pending->regions[sample.region].pieces[sample.crop].sample = static_cast<int>(i);
    }
    pending->samples_left = crops.trial->samples.size();
    pending->trial = std::move(crops.trial);
  }
  pending->page.prepare_s = Seconds(pending->begun, Clock::now());
  return pending;
}

// Waits on the reader's thread, which meanwhile takes what the engine's thread has left.
bool PageReader::WaitFor(const std::function<bool()>& ready,
                         const std::function<bool()>& keep_going) {
  InFlight& flight = *shared_->flight;
  while (true) {
    TakeArrived();
    SubmitRejected(keep_going);
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

Result<RequestId> PageReader::SubmitCrop(std::vector<ImageInput> images,
                                         std::string_view instruction,
                                         const GenerationOptions& generation, Recognizer::Done done,
                                         Recognizer::OnText on_text) {
  return recognizer_.Submit(std::move(images), instruction, generation, std::move(done),
                            std::move(on_text));
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
  generation.max_new_tokens = piece.crop.max_new_tokens;
  if (piece.retried && piece.first_reading.finish == FinishReason::kLoop) {
    generation.sampling.repetition_penalty =
        std::max(kRetryPenalty, generation.sampling.repetition_penalty);
  }
  std::vector<ImageInput> images = {piece.crop.input};
  page->requests.push_back(0);  // an id that no request has
  piece.submitted_at = Clock::now();
  const auto id = SubmitCrop(std::move(images), piece.crop.instruction, generation, end, on_text);
  if (id.ok()) {
    page->requests.back() = *id;
  } else {
    end({.finish = FinishReason::kError, .error = id.error()});
  }
}

// The piece could not be given to the model.
void PageReader::EndUnread(Piece& piece, const Error& error) {
  std::lock_guard lock(shared_->flight->mutex);
  piece.submitted = true;
  piece.submitted_at = piece.ended_at = Clock::now();
  piece.reading = {.finish = FinishReason::kError, .error = error};
  piece.ended = true;
  ++shared_->submitted;
  ++shared_->done;
  shared_->List(piece);
}

// False when keep_going said no; what is left is submitted by the next call.
bool PageReader::Submit(const std::shared_ptr<PendingPage>& page,
                        const std::function<bool()>& keep_going) {
  for (size_t r = 0; r < page->regions.size(); ++r) {
    // Waiting for a place may end the page's trial, and with it the pieces of its regions.
    for (size_t p = 0; p < page->regions[r].pieces.size(); ++p) {
      const auto wanted = [&] {
        return p < page->regions[r].pieces.size() && !page->regions[r].pieces[p].submitted &&
               (!page->OnTrial(r) || page->regions[r].pieces[p].sample >= 0);
      };
      if (!wanted()) continue;
      if (const Status ready =
              PrepareCrop(page->regions[r].pieces[p].crop, recognizer_.processor());
          !ready.ok()) {
        EndUnread(page->regions[r].pieces[p], ready.error());
        continue;
      }
      const int64_t patches = page->regions[r].pieces[p].crop.input.patches->rows();
      if (!EnterFlight(patches, keep_going)) return false;
      Piece& piece = page->regions[r].pieces[p];
      piece.submitted = true;
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
  return true;
}

// Reads all of the pages whose text layer was found wanting.
void PageReader::SubmitRejected(const std::function<bool()>& keep_going) {
  while (!rejected_.empty()) {
    // A wait that is left and taken up again must find the page here still.
    if (!Submit(rejected_.front(), keep_going)) return;
    rejected_.pop_front();
  }
}

// Until one more page may be pending. False when keep_going said no.
bool PageReader::WaitForPlace(const std::function<bool()>& keep_going) {
  while (pending_.size() >= kMaxPendingPages) {
    const std::shared_ptr<PendingPage> front = pending_.front();
    if (!WaitFor([&] { return front->regions_left == 0; }, keep_going)) return false;
    EmitFinished();
  }
  return true;
}

Status PageReader::Add(const Image& image, const PageSource& source,
                       const std::function<bool()>& keep_going, const PdfTextLayer* text_layer) {
  if (!WaitForPlace(keep_going)) return OkStatus();
  GLM_ASSIGN(std::shared_ptr<PendingPage> pending, Prepare(image, source, text_layer));
  pending_.push_back(pending);
  for (size_t r = 0; r < pending->regions.size(); ++r) {  // pictures are complete at once
    if (pending->regions[r].pieces.empty() && !pending->OnTrial(r)) Announce(*pending, r);
  }
  Submit(pending, keep_going);
  SubmitRejected(keep_going);
  EmitFinished();
  return OkStatus();
}

Status PageReader::AddKnown(const Image& image, ReadPage page,
                            const std::function<bool()>& keep_going) {
  if (!WaitForPlace(keep_going)) return OkStatus();
  auto pending = std::make_shared<PendingPage>();
  pending->page = std::move(page);
  if (options_.keep_image) pending->page.image = std::make_shared<const Image>(image);
  pending_.push_back(std::move(pending));
  EmitFinished();
  return OkStatus();
}

void PageReader::AddBroken(const PageSource& source, Error error) {
  auto pending = std::make_shared<PendingPage>();
  pending->page.source = source.source;
  pending->page.page = source.page;
  pending->page.n_pages = source.n_pages;
  pending->page.error = std::move(error);
  pending_.push_back(std::move(pending));
  EmitFinished();
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
    if (ended && Retry(*piece)) continue;
    if (ended) {
      piece->done = true;
      // The end of a character that never got complete.
      const bool more = options_.on_text && piece->reading.text.size() > piece->n_streamed_bytes;
      if (more) piece->text += piece->reading.text.substr(piece->n_streamed_bytes);
    }
    Stream(*piece->page, piece->region);
    if (ended) FinishPiece(*piece);
    ReleaseText();
  }
}

// Sends on the text of the region's first unfinished piece; those behind it wait.
void PageReader::Stream(PendingPage& page, size_t region_index) {
  if (!options_.on_text) return;
  Region& region = page.regions[region_index];
  if (region.by_line) return;
  while (region.streaming < region.pieces.size()) {
    Piece& piece = region.pieces[region.streaming];
    const std::string text = std::exchange(piece.text, {});
    if (options_.text_order == TextOrder::kReading) {
      region.held += text;
    } else if (!text.empty()) {
      options_.on_text(page.page, region_index, text);
    }
    if (!piece.done) return;
    if (++region.streaming < region.pieces.size() &&
        region.pieces[region.streaming].crop.start == PieceStart::kWord) {
      std::string& text = region.pieces[region.streaming].text;
      text.insert(text.begin(), ' ');
    }
  }
}

// Sends on what is held for the first page's next regions, as far as they are read.
void PageReader::ReleaseText() {
  if (!options_.on_text || options_.text_order != TextOrder::kReading || pending_.empty()) return;
  PendingPage& page = *pending_.front();
  for (; page.next_region < page.regions.size(); ++page.next_region) {
    Region& region = page.regions[page.next_region];
    const std::string text = std::exchange(region.held, {});
    if (!text.empty()) options_.on_text(page.page, page.next_region, text);
    if (region.pieces_left > 0 || page.OnTrial(page.next_region)) return;
  }
}

// Gives the piece a picture of half as many pixels as the model saw. False: that cannot be done.
bool PageReader::Shrink(Piece& piece) const {
  const Image& pixels = piece.crop.pixels;
  if (pixels.empty()) return false;
  const GlmOcrProcessor& processor = recognizer_.processor();
  const double all = static_cast<double>(pixels.width_px) * pixels.height_px;
  const double patch_px = processor.image_config().patch_size;
  const double seen =
      std::min(all, static_cast<double>(piece.crop.input.patches->rows()) * patch_px * patch_px);
  const double scale = std::sqrt(kRetryPixels * seen / all);
  const auto scaled = [&](int side) {
    return std::max(1, static_cast<int>(std::lround(side * scale)));
  };
  auto input = processor.PrepareImage(
      ResizeBicubic(pixels, scaled(pixels.width_px), scaled(pixels.height_px)));
  if (!input.ok()) return false;
  piece.crop.input = *std::move(input);
  return true;
}

// A piece that ended in a loop is read once more with a penalty on repetition, one that failed with
// a smaller picture. Text that has streamed cannot be taken back, so pieces whose text streams get
// a second reading only before their first text.
bool PageReader::Retry(Piece& piece) {
  const bool streams = options_.on_text && !piece.page->regions[piece.region].by_line;
  const bool failed = MayPass(piece.reading);
  if (piece.retried || !(failed || piece.reading.finish == FinishReason::kLoop)) return false;
  if (streams && (piece.n_streamed_bytes > 0 || !piece.reading.text.empty())) return false;
  const std::shared_ptr<PendingPage> page = piece.page->shared_from_this();
  int64_t patches = 0;  // of the place that the piece has in flight
  try {
    if (failed && !Shrink(piece)) return false;
    const int64_t needed = piece.crop.input.patches->rows();
    {
      // It takes the place that it has just left.
      std::lock_guard lock(shared_->flight->mutex);
      ++shared_->flight->crops;
      shared_->flight->patches += needed;
      --shared_->done;
      piece.ended = false;
    }
    patches = needed;
    piece.retried = true;
    piece.first_reading = std::move(piece.reading);
    if (!streams) piece.text.clear();  // else it is what goes before the piece's text
    piece.n_streamed_bytes = 0;
    SubmitPiece(page, piece, patches);
  } catch (const std::bad_alloc&) {  // it was not queued: the first reading stands
    if (patches == 0) return false;
    std::lock_guard lock(shared_->flight->mutex);
    shared_->Leave(patches);
    piece.ended = true;
    piece.retried = false;
    piece.reading = std::move(piece.first_reading);
    return false;
  }
  return true;
}

// One more piece of the region has ended; the last one completes the region.
void PageReader::FinishPiece(Piece& piece) {
  PendingPage& page = *piece.page;
  Region& region = page.regions[piece.region];
  piece.crop.input = {};
  piece.crop.pixels = {};
  if (piece.retried && !IsBetter(piece.reading, piece.first_reading))
    piece.reading = std::move(piece.first_reading);
  --region.pieces_left;
  bool last_sample = false;
  if (piece.sample >= 0 && page.trial != nullptr) {
    LayerTrial::Sample& sample = page.trial->samples[static_cast<size_t>(piece.sample)];
    sample.read_text = piece.reading.text;
    sample.confidence = MeanProbability(piece.reading.log_probability, piece.reading.tokens.size());
    last_sample = --page.samples_left == 0;
  }
  if (region.pieces_left == 0 && !page.OnTrial(piece.region)) Complete(page, piece.region);
  if (last_sample) EndTrial(page);
}

// All of the region's pieces have been read.
void PageReader::Complete(PendingPage& page, size_t region) {
  Assemble(page, region);
  page.regions[region].pieces.clear();
  --page.regions_left;
  Announce(page, region);
}

// Tells of a region that is complete, and of its text where that has not streamed.
void PageReader::Announce(PendingPage& page, size_t index) {
  const ReadRegion& read = page.page.regions[index];
  Region& region = page.regions[index];
  if (options_.on_text && (region.by_line || read.from_text_layer)) {
    if (options_.text_order == TextOrder::kReading) {
      region.held += read.text;
    } else if (!read.text.empty()) {
      options_.on_text(page.page, index, read.text);
    }
  }
  if (options_.on_region) options_.on_region(page.page, index);
}

// All samples of the page's text layer are read: it is used, or everything else is read as well.
void PageReader::EndTrial(PendingPage& page) {
  const std::unique_ptr<LayerTrial> trial = std::move(page.trial);
  std::vector<LayerSample> samples;
  for (LayerTrial::Sample& sample : trial->samples) {
    samples.push_back({.layer = std::move(sample.symbols),
                       .layer_text = std::move(sample.text),
                       .read_text = std::move(sample.read_text),
                       .confidence = sample.confidence});
  }
  const LayerVerdict verdict = JudgeSamples(samples, trial->page);
  const size_t n = trial->regions.size();
  if (!verdict.agrees) {
    page.page.warnings.push_back(
        {.kind = WarningKind::kTextLayerRejected,
         .page = page.page.page,
         .message = "the PDF's own text is not used, the page is read: " + verdict.why});
    for (size_t r = 0; r < n; ++r) {
      if (trial->regions[r] && page.regions[r].pieces_left == 0) Complete(page, r);
    }
    rejected_.push_back(page.shared_from_this());
    return;
  }
  if (verdict.unread_script) {
    page.page.warnings.push_back(
        {.kind = WarningKind::kLowConfidence,
         .page = page.page.page,
         .message = "the PDF's own text is used without having been checked: it is in a script "
                    "that this model does not read"});
  }
  for (size_t r = 0; r < n; ++r) {
    if (!trial->regions[r]) continue;
    ReadRegion& read = *trial->regions[r];
    for (const Piece& piece : page.regions[r].pieces) {
      if (piece.sample < 0) continue;
      AddTo(read.usage, piece.reading.usage);
      page.page.seconds = std::max(page.page.seconds, Seconds(page.begun, piece.ended_at));
    }
    page.page.regions[r] = std::move(read);
    page.regions[r].pieces.clear();
    page.regions[r].pieces_left = 0;
    --page.regions_left;
    Announce(page, r);
  }
  for (ReadRegion& region : trial->uncovered) {
    page.page.regions.push_back(std::move(region));
    page.regions.emplace_back();
    Announce(page, page.regions.size() - 1);
  }
}

// Puts the region together from its pieces.
void PageReader::Assemble(PendingPage& page, size_t region_index) {
  Region& region = page.regions[region_index];
  ReadRegion& read = page.page.regions[region_index];
  double log_probability = 0;
  size_t n_tokens = 0;
  std::vector<double> line_log_probability(read.lines.size());
  std::vector<size_t> line_tokens(read.lines.size());
  std::vector<std::vector<size_t>> cell_lines(read.cells.size());
  WordSplitter words;
  for (size_t p = 0; p < region.pieces.size(); ++p) {
    Piece& piece = region.pieces[p];
    const PageCrop& crop = piece.crop;
    CropReading& reading = piece.reading;
    const bool same_line = p > 0 && region.pieces[p - 1].crop.line == crop.line;
    std::string& text =
        crop.line >= 0 ? read.lines[static_cast<size_t>(crop.line)].text : read.text;
    if (same_line && crop.start == PieceStart::kWord) text += ' ';
    text += reading.text;
    if (read.lines.empty()) {
      words.Break();
      for (const ReadToken& token : reading.tokens) words.Add(token.text, token.probability);
    }
    const int line_of_words = crop.line >= 0 || read.lines.empty() ? crop.line : 0;
    if (line_of_words >= 0) {
      AddWords({.text = reading.text,
                .tokens = reading.tokens,
                .start = same_line ? crop.start : PieceStart::kWord,
                .ink = crop.ink},
               page.page, &read.lines[static_cast<size_t>(line_of_words)]);
    }
    if (crop.line >= 0) {
      const auto line = static_cast<size_t>(crop.line);
      line_log_probability[line] += reading.log_probability;
      line_tokens[line] += reading.tokens.size();
      if (crop.cell >= 0 && !same_line) cell_lines[static_cast<size_t>(crop.cell)].push_back(line);
    }
    if (!reading.tokens.empty()) {
      const double first = Seconds(page.begun, piece.submitted_at) + reading.timing.first_token_s;
      page.page.first_token_s =
          page.page.first_token_s == 0 ? first : std::min(page.page.first_token_s, first);
    }
    n_tokens += reading.tokens.size();
    if (options_.keep_tokens)
      std::move(reading.tokens.begin(), reading.tokens.end(), std::back_inserter(read.tokens));
    log_probability += reading.log_probability;
    read.finish = Worse(read.finish, reading.finish);
    AddTo(read.usage, reading.usage);
    if (reading.error && !read.error) read.error = reading.error;
    page.page.seconds = std::max(page.page.seconds, Seconds(page.begun, piece.ended_at));
  }
  read.confidence = MeanProbability(log_probability, n_tokens);
  read.words = words.Finish();
  if (!region.by_line && read.lines.size() == 1) {  // the region is a line
    read.lines[0].text = read.text;
    line_log_probability[0] = log_probability;
    line_tokens[0] = n_tokens;
  }
  for (size_t l = 0; l < read.lines.size(); ++l)
    read.lines[l].confidence = MeanProbability(line_log_probability[l], line_tokens[l]);
  if (!region.by_line) return;
  for (size_t c = 0; c < read.cells.size(); ++c) {
    std::vector<std::string_view> lines;
    for (const size_t line : cell_lines[c]) lines.push_back(read.lines[line].text);
    read.cells[c].text = JoinParagraph(lines);
  }
  AssembleText(read);
}

void PageReader::EmitFinished() {
  while (!pending_.empty() && pending_.front()->regions_left == 0) {
    const std::shared_ptr<PendingPage> front = pending_.front();
    pending_.pop_front();
    if (front->fresh) {
      for (Warning& warning : JudgePage(front->page, front->facts))
        front->page.warnings.push_back(std::move(warning));
    }
    on_page_(std::move(front->page));
    ReleaseText();
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
