#include "pdf/rewriter.h"

#define POINTERHOLDER_TRANSITION 4
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>
#include <qpdf/Pipeline.hh>
#include <qpdf/QPDF.hh>
#include <qpdf/QPDFObjectHandle.hh>
#include <qpdf/QPDFPageDocumentHelper.hh>
#include <qpdf/QPDFPageLabelDocumentHelper.hh>
#include <qpdf/QPDFPageObjectHelper.hh>
#include <qpdf/QPDFTokenizer.hh>
#include <qpdf/QPDFWriter.hh>
#include <set>
#include <stdexcept>
#include <utility>

#include "pdf/pdfa.h"

namespace glmocr {
namespace pdf {
namespace {

using Handle = QPDFObjectHandle;

// Forms within forms, and nodes below nodes: files that nest deeper are damaged or hostile.
constexpr int kMaxDepth = 24;
constexpr const char* kFontName = "/GlmOcrText";
// Of the page: what pictures must cover so that hidden text over them counts as an OCR program's.
constexpr double kScanShare = 0.5;

struct Matrix {
  double a = 1, b = 0, c = 0, d = 1, e = 0, f = 0;
};

// First `m`, then `n`.
Matrix Then(const Matrix& m, const Matrix& n) {
  return {m.a * n.a + m.b * n.c, m.a * n.b + m.b * n.d,       m.c * n.a + m.d * n.c,
          m.c * n.b + m.d * n.d, m.e * n.a + m.f * n.c + n.e, m.e * n.b + m.f * n.d + n.f};
}

std::optional<std::array<double, 6>> Six(const std::vector<Handle>& numbers) {
  if (numbers.size() < 6) return std::nullopt;
  std::array<double, 6> out{};
  for (size_t i = 0; i < 6; ++i) {
    Handle n = numbers[numbers.size() - 6 + i];
    if (!n.isNumber()) return std::nullopt;
    out[i] = n.getNumericValue();
  }
  return out;
}

Matrix MatrixOf(const std::array<double, 6>& n) { return {n[0], n[1], n[2], n[3], n[4], n[5]}; }

struct Rect {
  double left = 0, bottom = 0, right = 0, top = 0;
  bool empty() const { return !(right > left && top > bottom); }
  double width() const { return right - left; }
  double height() const { return top - bottom; }
};

Rect RectOf(Handle array) {
  Rect r;
  if (!array.isArray() || array.getArrayNItems() != 4) return r;
  double n[4];
  for (int i = 0; i < 4; ++i) {
    Handle item = array.getArrayItem(i);
    if (!item.isNumber()) return r;
    n[i] = item.getNumericValue();
  }
  return {std::min(n[0], n[2]), std::min(n[1], n[3]), std::max(n[0], n[2]), std::max(n[1], n[3])};
}

// An attribute that pages inherit.
Handle Inherited(Handle page, const char* key) {
  for (int depth = 0; depth < kMaxDepth && page.isDictionary(); ++depth) {
    if (page.hasKey(key)) return page.getKey(key);
    page = page.getKey("/Parent");
  }
  return Handle::newNull();
}

// What of the page is shown, as PDFium has it.
Rect ShownBox(Handle page) {
  Rect media = RectOf(Inherited(page, "/MediaBox"));
  if (media.empty()) media = {0, 0, 612, 792};
  const Rect crop = RectOf(Inherited(page, "/CropBox"));
  if (crop.empty()) return media;
  return {std::max(media.left, crop.left), std::max(media.bottom, crop.bottom),
          std::min(media.right, crop.right), std::min(media.top, crop.top)};
}

// Quarter turns, clockwise.
int TurnsOf(Handle page) {
  Handle rotate = Inherited(page, "/Rotate");
  if (!rotate.isNumber()) return 0;
  const double degrees = rotate.getNumericValue();
  if (!(std::abs(degrees) < 1e6)) return 0;
  const int turns = static_cast<int>(degrees) / 90 % 4;
  return turns < 0 ? turns + 4 : turns;
}

// From a page of this size as shown, y up, to the user space of `page`.
Matrix ToUserSpace(const Rect& box, int turns, double width, double height) {
  const double w = box.width(), h = box.height();
  switch (turns) {
    case 1:
      return {0, h / width, -w / height, 0, box.right, box.bottom};
    case 2:
      return {-w / width, 0, 0, -h / height, box.right, box.top};
    case 3:
      return {0, -h / width, w / height, 0, box.left, box.top};
    default:
      return {w / width, 0, 0, h / height, box.left, box.bottom};
  }
}

// What a page's contents show.
struct PageContents {
  int64_t visible = 0, hidden = 0;  // strings of text that are not empty
  bool cmyk = false;                // ink by its device's measure
  double picture_area = 0;          // in square units, pictures over each other counted twice
  PdfaProblem problem = PdfaProblem::kNone;  // the first, of their operators
  std::vector<Handle> fonts;                 // those whose text is shown
};

const std::set<std::string>& RenderingIntents() {
  static const std::set<std::string> names = {"/AbsoluteColorimetric", "/RelativeColorimetric",
                                              "/Saturation", "/Perceptual"};
  return names;
}

// PDF 1.7, annex A.
bool IsOperator(const std::string& name) {
  static const std::set<std::string> names = {
      "b",  "B",  "b*", "B*", "BDC", "BI",  "BMC", "BT", "BX", "c",  "cm", "CS", "cs", "d",  "d0",
      "d1", "Do", "DP", "EI", "EMC", "ET",  "EX",  "f",  "F",  "f*", "G",  "g",  "gs", "h",  "i",
      "ID", "j",  "J",  "K",  "k",   "l",   "m",   "M",  "MP", "n",  "q",  "Q",  "re", "RG", "rg",
      "ri", "s",  "S",  "SC", "sc",  "SCN", "scn", "sh", "T*", "Tc", "Td", "TD", "Tf", "Tj", "TJ",
      "TL", "Tm", "Tr", "Ts", "Tw",  "Tz",  "v",   "w",  "W",  "W*", "y",  "'",  "\""};
  return names.count(name) != 0;
}

// Follows the operators of a content stream and of the forms that it draws.
class Scanner : public Handle::ParserCallbacks {
 public:
  Scanner(PageContents* found, std::set<QPDFObjGen>* open, Handle resources, int depth)
      : found_(found), open_(open), resources_(resources), depth_(depth) {}

  struct State {
    Matrix matrix;
    int64_t mode = 0;  // text rendering mode
    Handle font = Handle::newNull();
  };
  State state;

  void handleObject(Handle object) override {
    if (object.isInlineImage()) {
      AddPicture();
    } else if (object.isOperator()) {
      Operator(object.getOperatorValue());
      operands_.clear();
    } else if (operands_.size() < kMaxOperands) {
      operands_.push_back(object);
    }
  }
  void handleEOF() override {}

 private:
  static constexpr size_t kMaxOperands = 1 << 16;
  static constexpr size_t kMaxStates = 1 << 12;
  static constexpr size_t kMaxPdfaStates = 28;  // ISO 19005-2, 6.1.13
  static constexpr size_t kMaxFonts = 1 << 12;

  void Problem(PdfaProblem problem) {
    if (found_->problem == PdfaProblem::kNone) found_->problem = problem;
  }

  // What the last operand names among the resources of this kind.
  Handle Named(const char* kind) {
    Handle all = resources_.isDictionary() ? resources_.getKey(kind) : Handle::newNull();
    Handle name = Handle::newNull();
    for (Handle operand : operands_) {
      if (operand.isName()) name = operand;
    }
    if (!all.isDictionary() || !name.isName() || !all.hasKey(name.getName())) {
      Problem(PdfaProblem::kResource);
      return Handle::newNull();
    }
    return all.getKey(name.getName());
  }

  // The entries of an inline picture.
  void CheckInline() {
    for (size_t i = 0; i + 1 < operands_.size(); i += 2) {
      Handle key = operands_[i], value = operands_[i + 1];
      const bool filter = key.isNameAndEquals("/F") || key.isNameAndEquals("/Filter");
      const bool interpolate = key.isNameAndEquals("/I") || key.isNameAndEquals("/Interpolate");
      const bool space = key.isNameAndEquals("/CS") || key.isNameAndEquals("/ColorSpace");
      if (interpolate && value.isBool() && value.getBoolValue()) Problem(PdfaProblem::kInterpolate);
      std::vector<Handle> names = {value};
      if (value.isArray()) names = value.getArrayAsVector();
      for (Handle name : names) {
        if (filter && (name.isNameAndEquals("/LZW") || name.isNameAndEquals("/LZWDecode") ||
                       name.isNameAndEquals("/Crypt")))
          Problem(PdfaProblem::kLzw);
        if (space && (name.isNameAndEquals("/CMYK") || name.isNameAndEquals("/DeviceCMYK")))
          found_->cmyk = true;
      }
    }
  }

  void Operator(const std::string& name) {
    if (!IsOperator(name)) Problem(PdfaProblem::kOperator);
    if (name == "ri" && !operands_.empty() && operands_.back().isName() &&
        RenderingIntents().count(operands_.back().getName()) == 0)
      Problem(PdfaProblem::kIntent);
    if (name == "ID") CheckInline();
    if (name == "Tf") state.font = Named("/Font");
    if (name == "gs") Named("/ExtGState");
    if (name == "sh") Named("/Shading");
    if (name == "q") {
      if (states_.size() >= kMaxPdfaStates) Problem(PdfaProblem::kLimit);
      if (states_.size() < kMaxStates) states_.push_back(state);
    } else if (name == "Q") {
      if (!states_.empty()) {
        state = states_.back();
        states_.pop_back();
      }
    } else if (name == "cm") {
      if (const auto six = Six(operands_)) state.matrix = Then(MatrixOf(*six), state.matrix);
    } else if (name == "Tr") {
      if (!operands_.empty() && operands_.back().isInteger())
        state.mode = operands_.back().getIntValue();
    } else if (name == "Tj" || name == "'" || name == "\"") {
      if (!operands_.empty()) Text(operands_.back());
    } else if (name == "TJ") {
      if (operands_.empty() || !operands_.back().isArray()) return;
      for (Handle item : operands_.back().aitems()) {
        if (item.isString() && !item.getStringValue().empty()) return Text(item);
      }
    } else if (name == "k" || name == "K") {
      found_->cmyk = true;
    } else if (name == "cs" || name == "CS") {
      static const std::set<std::string> kDevice = {"/DeviceGray", "/DeviceRGB", "/DeviceCMYK",
                                                    "/Pattern"};
      if (operands_.empty() || !operands_.back().isName()) return;
      const std::string space = operands_.back().getName();
      if (space == "/DeviceCMYK") found_->cmyk = true;
      if (kDevice.count(space) == 0) Named("/ColorSpace");
    } else if (name == "Do") {
      if (!operands_.empty() && operands_.back().isName()) Draw();
    }
  }

  void Text(Handle string) {
    if (!string.isString() || string.getStringValue().empty()) return;
    ++(state.mode == 3 ? found_->hidden : found_->visible);
    if (state.mode == 3 || !state.font.isDictionary()) return;
    const bool known = std::any_of(found_->fonts.begin(), found_->fonts.end(), [&](Handle font) {
      return font.isIndirect() && font.getObjGen() == state.font.getObjGen();
    });
    if (!known && found_->fonts.size() < kMaxFonts) found_->fonts.push_back(state.font);
  }

  void AddPicture() {
    found_->picture_area +=
        std::abs(state.matrix.a * state.matrix.d - state.matrix.b * state.matrix.c);
  }

  void Draw() {
    Handle object = Named("/XObject");
    if (!object.isStream()) return;
    Handle dictionary = object.getDict();
    Handle subtype = dictionary.getKey("/Subtype");
    if (subtype.isNameAndEquals("/Image")) return AddPicture();
    if (!subtype.isNameAndEquals("/Form") || depth_ >= kMaxDepth) return;
    if (!open_->insert(object.getObjGen()).second) return;  // it draws itself
    Handle own = dictionary.getKey("/Resources");
    Scanner inner(found_, open_, own.isDictionary() ? own : resources_, depth_ + 1);
    inner.state = state;
    Handle matrix = dictionary.getKey("/Matrix");
    if (matrix.isArray()) {
      if (const auto six = Six(matrix.getArrayAsVector()))
        inner.state.matrix = Then(MatrixOf(*six), state.matrix);
    }
    Handle::parseContentStream(object, &inner);
    open_->erase(object.getObjGen());
  }

  PageContents* found_;
  std::set<QPDFObjGen>* open_;
  Handle resources_;
  const int depth_;
  std::vector<Handle> operands_;
  std::vector<State> states_;
};

// `contents`: a stream or an array of them.
PageContents Scan(Handle contents, Handle resources) {
  PageContents found;
  if (!contents.isStream() && !contents.isArray()) return found;
  std::set<QPDFObjGen> open;
  Scanner scanner(&found, &open, resources, 0);
  Handle::parseContentStream(contents, &scanner);
  return found;
}

PageContents Scan(Handle page) {
  return Scan(page.getKey("/Contents"), Inherited(page, "/Resources"));
}

// Leaves out the operators that show and place text.
class TextRemover : public Handle::TokenFilter {
 public:
  void handleToken(QPDFTokenizer::Token const& token) override {
    const bool word = token.getType() == QPDFTokenizer::tt_word;
    held_.push_back(token);
    if (!word) {
      if (held_.size() > kMaxHeld || token.getType() == QPDFTokenizer::tt_inline_image) Release();
      return;
    }
    static const std::set<std::string> kDropped = {"Tj", "TJ", "'", "\"", "Td", "TD", "Tm", "T*"};
    if (kDropped.count(token.getValue()) != 0) {
      held_.clear();
      write("\n");
    } else {
      Release();
    }
  }
  void handleEOF() override { Release(); }

 private:
  static constexpr size_t kMaxHeld = 1 << 16;
  void Release() {
    for (const auto& token : held_) writeToken(token);
    held_.clear();
  }
  std::vector<QPDFTokenizer::Token> held_;
};

// Collects what a filter lets through.
class StringPipeline : public Pipeline {
 public:
  StringPipeline() : Pipeline("string", nullptr) {}
  void write(unsigned char const* data, size_t n) override {
    bytes.append(reinterpret_cast<const char*>(data), n);
  }
  void finish() override {}
  std::string bytes;
};

class SinkPipeline : public Pipeline {
 public:
  explicit SinkPipeline(const std::function<void(const void*, size_t)>& sink)
      : Pipeline("sink", nullptr), sink_(sink) {}
  void write(unsigned char const* data, size_t n) override { sink_(data, n); }
  void finish() override {}

 private:
  const std::function<void(const void*, size_t)>& sink_;
};

// A dictionary of `owner` that belongs to it alone, and may be changed.
Handle OwnDictionary(Handle owner, const char* key, Handle inherited) {
  Handle own = inherited.isDictionary() ? inherited.shallowCopy() : Handle::newDictionary();
  owner.replaceKey(key, own);
  return own;
}

// The forms of `resources` without text, copies in its own dictionary.
void RemoveTextOfForms(QPDF& pdf, Handle resources, std::set<QPDFObjGen>* open, int depth) {
  Handle objects = resources.getKey("/XObject");
  if (!objects.isDictionary() || depth >= kMaxDepth) return;
  objects = OwnDictionary(resources, "/XObject", objects);
  for (const std::string& name : objects.getKeys()) {
    Handle form = objects.getKey(name);
    if (!form.isStream() || !form.getDict().getKey("/Subtype").isNameAndEquals("/Form")) continue;
    if (!open->insert(form.getObjGen()).second) continue;
    TextRemover remover;
    StringPipeline kept;
    QPDFPageObjectHelper(form).filterContents(&remover, &kept);
    Handle copy = Handle::newStream(&pdf, kept.bytes);
    Handle dictionary = form.getDict().shallowCopy();
    for (const char* key : {"/Filter", "/DecodeParms", "/Length"}) dictionary.removeKey(key);
    copy.replaceDict(dictionary);
    if (dictionary.getKey("/Resources").isDictionary()) {
      RemoveTextOfForms(pdf,
                        OwnDictionary(dictionary, "/Resources", dictionary.getKey("/Resources")),
                        open, depth + 1);
    }
    open->erase(form.getObjGen());
    objects.replaceKey(name, copy);
  }
}

void RemoveText(QPDF& pdf, Handle page) {
  TextRemover remover;
  StringPipeline kept;
  QPDFPageObjectHelper(page).filterContents(&remover, &kept);
  page.replaceKey("/Contents", Handle::newStream(&pdf, kept.bytes));
  std::set<QPDFObjGen> open;
  RemoveTextOfForms(pdf, OwnDictionary(page, "/Resources", Inherited(page, "/Resources")), &open,
                    0);
}

FILE* Open(int fd) {
  const int copy = ::dup(fd);
  FILE* file = copy < 0 ? nullptr : ::fdopen(copy, "rb");
  if (file == nullptr) throw std::runtime_error("cannot read a descriptor");
  return file;
}

void Read(QPDF& pdf, int fd, const std::string& password) {
  pdf.setSuppressWarnings(true);
  pdf.processFile("document", Open(fd), true, password.empty() ? nullptr : password.c_str());
}

// Puts pages of the layer into the source.
class Layers {
 public:
  Layers(QPDF& pdf, int fd) : pdf_(pdf) {
    Read(layer_, fd, "");
    pages_ = layer_.getAllPages();
  }

  void Add(Handle page, size_t index) {
    if (index >= pages_.size()) throw std::runtime_error("no such layer");
    Handle layer = pages_[index];
    const Rect size = RectOf(layer.getKey("/MediaBox"));
    const Rect shown = ShownBox(page);
    if (size.empty() || shown.empty()) throw std::runtime_error("a page without size");
    Handle font = layer.getKey("/Resources").getKey("/Font").getKey(kFontName);
    Handle contents = layer.getKey("/Contents");
    if (!contents.isStream() || !font.isDictionary()) throw std::runtime_error("an empty layer");

    Handle resources = OwnDictionary(page, "/Resources", Inherited(page, "/Resources"));
    Handle fonts = OwnDictionary(resources, "/Font", resources.getKey("/Font"));
    fonts.replaceKey(kFontName, pdf_.copyForeignObject(font));

    // Before the page's own contents, where the graphics state is known whatever they leave behind.
    const Matrix m = ToUserSpace(shown, TurnsOf(page), size.width(), size.height());
    char begin[256];
    std::snprintf(begin, sizeof(begin), "q %.7g %.7g %.7g %.7g %.6g %.6g cm\n", m.a, m.b, m.c, m.d,
                  m.e, m.f);
    Handle all = Handle::newArray();
    all.appendItem(Shared(begin));
    all.appendItem(pdf_.copyForeignObject(contents));
    all.appendItem(Shared("\nQ\n"));
    Handle old = page.getKey("/Contents");
    if (old.isStream()) all.appendItem(old);
    if (old.isArray()) {
      for (Handle item : old.getArrayAsVector()) all.appendItem(item);
    }
    page.replaceKey("/Contents", all);
  }

 private:
  // Most pages of a document have one size.
  Handle Shared(const std::string& text) {
    auto found = shared_.find(text);
    if (found == shared_.end()) found = shared_.emplace(text, Handle::newStream(&pdf_, text)).first;
    return found->second;
  }

  QPDF& pdf_;
  QPDF layer_;
  std::vector<Handle> pages_;
  std::map<std::string, Handle> shared_;
};

// Fields inherit their kind.
bool HasSignature(Handle field, bool kind_above, int depth) {
  if (!field.isDictionary() || depth > kMaxDepth) return false;
  Handle kind = field.getKey("/FT");
  const bool signs = kind.isName() ? kind.isNameAndEquals("/Sig") : kind_above;
  if (signs && field.getKey("/V").isDictionary()) return true;
  Handle kids = field.getKey("/Kids");
  if (!kids.isArray()) return false;
  for (Handle kid : kids.aitems()) {
    if (HasSignature(kid, signs, depth + 1)) return true;
  }
  return false;
}

bool IsSigned(QPDF& pdf) {
  // Usage rights and certification, which need no field (PDF 1.7, 12.8.4).
  Handle permissions = pdf.getRoot().getKey("/Perms");
  if (permissions.isDictionary() && !permissions.getKeys().empty()) return true;
  Handle form = pdf.getRoot().getKey("/AcroForm");
  if (!form.isDictionary()) return false;
  Handle fields = form.getKey("/Fields");
  if (!fields.isArray()) return false;
  for (Handle field : fields.aitems()) {
    if (HasSignature(field, false, 0)) return true;
  }
  return false;
}

// Leaves the document these pages, in this order. What else names a page that is gone (outlines,
// links, structure) names nothing from then on, so that nothing of it stays in the file.
void KeepPages(QPDF& pdf, const std::vector<Handle>& all, const std::vector<RewritePage>& wanted) {
  QPDFPageDocumentHelper(pdf).pushInheritedAttributesToPage();
  Handle root = pdf.getRoot();
  Handle labels = Handle::newNull();
  QPDFPageLabelDocumentHelper label_helper(pdf);
  if (label_helper.hasPageLabels()) {
    std::vector<Handle> numbers;
    for (size_t i = 0; i < wanted.size(); ++i)
      label_helper.getLabelsForPageRange(wanted[i].index, wanted[i].index,
                                         static_cast<long long>(i), numbers);  // NOLINT
    labels = Handle::newDictionary();
    labels.replaceKey("/Nums", Handle::newArray(numbers));
  }
  std::set<QPDFObjGen> kept;
  Handle pages = root.getKey("/Pages");
  Handle kids = Handle::newArray();
  for (const RewritePage& page : wanted) {
    Handle node = all.at(page.index);
    kept.insert(node.getObjGen());
    node.replaceKey("/Parent", pages);
    kids.appendItem(node);
  }
  pages.replaceKey("/Kids", kids);
  pages.replaceKey("/Count", Handle::newInteger(static_cast<long long>(wanted.size())));  // NOLINT
  for (const Handle& node : all) {
    if (kept.count(node.getObjGen()) == 0) pdf.replaceObject(node.getObjGen(), Handle::newNull());
  }
  pdf.updateAllPagesCache();
  if (!labels.isNull()) root.replaceKey("/PageLabels", labels);
}

// What of ISO 19005-2 metadata and an output intent cannot mend, as far as a file's objects show
// it: glyph widths, Unicode maps and the insides of JPEG 2000 are not looked at.
class PdfaCheck {
 public:
  PdfaProblem Run(QPDF& pdf, const std::vector<Handle>& pages) {
    CheckCatalog(pdf.getRoot());
    for (Handle page : pages) {
      if (page.hasKey("/AA")) Found(PdfaProblem::kForbiddenAction);
      if (page.hasKey("/PresSteps")) Found(PdfaProblem::kPresentation);
      for (const char* name : {"/MediaBox", "/CropBox", "/TrimBox", "/BleedBox", "/ArtBox"})
        CheckBox(Inherited(page, name));
      CheckContents(Scan(page));
    }
    for (Handle object : pdf.getAllObjects()) Look(object, 0);
    return problem_;
  }

 private:
  void Found(PdfaProblem problem) {
    if (problem_ == PdfaProblem::kNone) problem_ = problem;
  }

  void CheckBox(Handle box) {
    constexpr double kMinSide = 3, kMaxSide = 14400;
    if (box.isNull()) return;
    const Rect rect = RectOf(box);
    if (std::min(rect.width(), rect.height()) < kMinSide ||
        std::max(rect.width(), rect.height()) > kMaxSide)
      Found(PdfaProblem::kPageSize);
  }

  void CheckContents(const PageContents& contents) {
    if (contents.cmyk) Found(PdfaProblem::kCmyk);
    if (contents.problem != PdfaProblem::kNone) Found(contents.problem);
    for (Handle font : contents.fonts) CheckFont(font);
  }

  void CheckCatalog(Handle root) {
    if (root.hasKey("/Requirements")) Found(PdfaProblem::kRequirements);
    if (root.hasKey("/AA")) Found(PdfaProblem::kForbiddenAction);
    Handle form = root.getKey("/AcroForm");
    if (form.isDictionary() && form.hasKey("/XFA")) Found(PdfaProblem::kXfa);
    if (form.isDictionary() && form.getKey("/NeedAppearances").isBool() &&
        form.getKey("/NeedAppearances").getBoolValue())
      Found(PdfaProblem::kNeedAppearances);
    Handle names = root.getKey("/Names");
    if (names.isDictionary() && names.hasKey("/EmbeddedFiles")) Found(PdfaProblem::kEmbeddedFile);
    if (names.isDictionary() && names.hasKey("/AlternatePresentations"))
      Found(PdfaProblem::kPresentation);
    Handle layers = root.getKey("/OCProperties");
    if (layers.isDictionary()) {
      Handle usual = layers.getKey("/D");
      if (!usual.isDictionary() || !usual.hasKey("/Name") || usual.hasKey("/AS") ||
          layers.hasKey("/Configs"))
        Found(PdfaProblem::kOptionalContent);
    }
    Handle intents = root.getKey("/OutputIntents");
    if (!intents.isArray()) return;
    for (Handle intent : intents.aitems()) {
      if (intent.isDictionary() && !intent.getKey("/S").isNameAndEquals("/GTS_PDFA1"))
        Found(PdfaProblem::kOtherOutputIntent);
      if (intent.isDictionary() && !IsRgbProfile(intent.getKey("/DestOutputProfile")))
        Found(PdfaProblem::kOutputProfile);
    }
  }

  // Of ICC version 2 or 4, for a screen or a printer, by its head.
  static bool IsRgbProfile(Handle stream) {
    if (!stream.isStream()) return false;
    Handle n = stream.getDict().getKey("/N");
    const auto buffer = stream.getStreamData(qpdf_dl_generalized);
    const std::string icc(reinterpret_cast<const char*>(buffer->getBuffer()), buffer->getSize());
    if (icc.size() < 132 || !n.isInteger() || n.getIntValue() != 3) return false;
    size_t size = 0;
    for (size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(icc[i]);
    const std::string kind = icc.substr(12, 4);
    return size == icc.size() && (icc[8] == 2 || icc[8] == 4) && icc.substr(36, 4) == "acsp" &&
           icc.substr(16, 4) == "RGB " && (kind == "mntr" || kind == "prtr");
  }

  void Look(Handle object, int depth) {
    if (depth > kMaxDepth) return Found(PdfaProblem::kTooDeep);
    if (object.isArray()) {
      for (Handle item : object.aitems()) {
        if (item.isNameAndEquals("/DeviceCMYK")) Found(PdfaProblem::kCmyk);
        if (!item.isIndirect()) Look(item, depth + 1);
      }
      return;
    }
    if (object.isStream()) {
      Handle dictionary = object.getDict();
      if (dictionary.hasKey("/F")) Found(PdfaProblem::kExternalStream);
      CheckFilters(dictionary.getKey("/Filter"));
      if (dictionary.getKey("/Subtype").isNameAndEquals("/PS") || dictionary.hasKey("/PS"))
        Found(PdfaProblem::kPostScript);
      if (IsTrue(dictionary.getKey("/Interpolate"))) Found(PdfaProblem::kInterpolate);
      Handle subtype = dictionary.getKey("/Subtype");
      const bool form = subtype.isNameAndEquals("/Form");
      if (subtype.isNameAndEquals("/Image")) {
        if (dictionary.hasKey("/Alternates") || dictionary.hasKey("/OPI"))
          Found(PdfaProblem::kAlternates);
        CheckIntent(dictionary.getKey("/Intent"));
      }
      if (form && (dictionary.hasKey("/Ref") || dictionary.hasKey("/OPI")))
        Found(PdfaProblem::kReference);
      // Appearances of annotations, masks and patterns are drawn without the page's "Do". A form
      // without resources has its page's, and is looked at with them.
      Handle resources = dictionary.getKey("/Resources");
      if ((form || dictionary.hasKey("/PatternType")) && resources.isDictionary())
        CheckContents(Scan(object, resources));
      return Look(dictionary, depth + 1);
    }
    if (!object.isDictionary()) return;
    CheckDictionary(object);
    for (const std::string& key : object.getKeys()) {
      Handle value = object.getKey(key);
      if (!value.isIndirect()) Look(value, depth + 1);
    }
  }

  static bool IsTrue(Handle value) { return value.isBool() && value.getBoolValue(); }

  void CheckFilters(Handle filter) {
    std::vector<Handle> filters;
    if (filter.isName()) filters.push_back(filter);
    if (filter.isArray()) filters = filter.getArrayAsVector();
    for (Handle name : filters) {
      if (name.isNameAndEquals("/LZWDecode") || name.isNameAndEquals("/LZW") ||
          name.isNameAndEquals("/Crypt"))
        Found(PdfaProblem::kLzw);
    }
  }

  void CheckIntent(Handle intent) {
    if (intent.isName() && RenderingIntents().count(intent.getName()) == 0)
      Found(PdfaProblem::kIntent);
  }

  void CheckBlendMode(Handle mode) {
    static const std::set<std::string> kModes = {
        "/Normal",    "/Compatible", "/Multiply",   "/Screen",    "/Overlay",   "/Darken",
        "/Lighten",   "/ColorDodge", "/ColorBurn",  "/HardLight", "/SoftLight", "/Difference",
        "/Exclusion", "/Hue",        "/Saturation", "/Color",     "/Luminosity"};
    std::vector<Handle> modes;
    if (mode.isName()) modes.push_back(mode);
    if (mode.isArray()) modes = mode.getArrayAsVector();
    for (Handle name : modes) {
      if (!name.isName() || kModes.count(name.getName()) == 0) Found(PdfaProblem::kBlendMode);
    }
  }

  void CheckDictionary(Handle d) {
    static const std::set<std::string> kActions = {
        "/Launch", "/Sound",       "/Movie",     "/ResetForm", "/ImportData",
        "/Hide",   "/SetOCGState", "/Rendition", "/Trans",     "/GoTo3DView"};
    Handle kind = d.getKey("/S");
    if (kind.isNameAndEquals("/JavaScript") || d.hasKey("/JS")) Found(PdfaProblem::kJavaScript);
    if (kind.isName() && kActions.count(kind.getName()) != 0 &&
        !d.getKey("/Type").isNameAndEquals("/Group"))
      Found(PdfaProblem::kForbiddenAction);
    static const std::set<std::string> kNamedActions = {"/NextPage", "/PrevPage", "/FirstPage",
                                                        "/LastPage"};
    Handle named = d.getKey("/N");
    if (kind.isNameAndEquals("/Named") && named.isName() &&
        kNamedActions.count(named.getName()) == 0)
      Found(PdfaProblem::kForbiddenAction);
    if (d.hasKey("/EF")) Found(PdfaProblem::kEmbeddedFile);
    for (const char* space : {"/ColorSpace", "/CS"}) {
      if (d.getKey(space).isNameAndEquals("/DeviceCMYK")) Found(PdfaProblem::kCmyk);
    }
    CheckBlendMode(d.getKey("/BM"));
    CheckIntent(d.getKey("/RI"));
    Handle halftone = d.getKey("/HT");
    if (halftone.isStream()) halftone = halftone.getDict();
    if (halftone.isDictionary()) {
      Handle number = halftone.getKey("/HalftoneType");
      if (!number.isInteger() || (number.getIntValue() != 1 && number.getIntValue() != 5))
        Found(PdfaProblem::kHalftone);
    }
    Handle type = d.getKey("/Type");
    if (type.isNameAndEquals("/ExtGState") || d.hasKey("/TR") || d.hasKey("/HTP")) {
      Handle transfer = d.getKey("/TR2");
      if (d.hasKey("/TR") || d.hasKey("/HTP") ||
          (!transfer.isNull() && !transfer.isNameAndEquals("/Default")))
        Found(PdfaProblem::kTransferFunction);
    }
    if (type.isNameAndEquals("/Font")) CheckMaps(d);
    if (type.isNameAndEquals("/Font") && d.getKey("/Subtype").isNameAndEquals("/Type3"))
      CheckGlyphs(d);
    if (type.isNameAndEquals("/Annot") || (d.hasKey("/Rect") && d.hasKey("/Subtype")))
      CheckAnnotation(d);
  }

  void CheckGlyphs(Handle font) {
    Handle glyphs = font.getKey("/CharProcs");
    if (!glyphs.isDictionary()) return;
    for (const std::string& name : glyphs.getKeys()) {
      Handle resources = font.getKey("/Resources");
      if (resources.isDictionary()) CheckContents(Scan(glyphs.getKey(name), resources));
    }
  }

  // How its codes lead to glyphs, whether it shows something or not.
  void CheckMaps(Handle font) {
    Handle map = font.getKey("/Encoding");
    if (font.getKey("/Subtype").isNameAndEquals("/Type0") && map.isName()) {
      // Maps that PDF knows end in how they write.
      const char last = map.getName().back();
      if (last != 'H' && last != 'V') Found(PdfaProblem::kFontMap);
    }
    Handle descriptor = font.getKey("/FontDescriptor");
    Handle glyphs = font.getKey("/CIDToGIDMap");
    if (font.getKey("/Subtype").isNameAndEquals("/CIDFontType2") && descriptor.isDictionary() &&
        descriptor.hasKey("/FontFile2") && !glyphs.isStream() &&
        !glyphs.isNameAndEquals("/Identity"))
      Found(PdfaProblem::kFontMap);
  }

  // A font that shows something.
  void CheckFont(Handle font) {
    if (font.getKey("/Subtype").isNameAndEquals("/Type3")) return;
    if (font.getKey("/Subtype").isNameAndEquals("/Type0")) {
      Handle inner = font.getKey("/DescendantFonts");
      if (!inner.isArray() || inner.getArrayNItems() != 1)
        return Found(PdfaProblem::kFontNotEmbedded);
      font = inner.getArrayItem(0);
      if (!font.isDictionary()) return Found(PdfaProblem::kFontNotEmbedded);
    }
    Handle descriptor = font.getKey("/FontDescriptor");
    if (!descriptor.isDictionary() ||
        (!descriptor.hasKey("/FontFile") && !descriptor.hasKey("/FontFile2") &&
         !descriptor.hasKey("/FontFile3")))
      Found(PdfaProblem::kFontNotEmbedded);
  }

  void CheckAnnotation(Handle annotation) {
    Handle kind = annotation.getKey("/Subtype");
    for (const char* forbidden :
         {"/3D", "/Sound", "/Screen", "/Movie", "/RichMedia", "/FileAttachment"}) {
      if (kind.isNameAndEquals(forbidden)) Found(PdfaProblem::kForbiddenAnnotation);
    }
    if (kind.isNameAndEquals("/Popup")) return;
    constexpr long long kInvisible = 1, kHidden = 2, kPrint = 4, kNoView = 32,
                        kToggle = 256;  // NOLINT
    Handle flags = annotation.getKey("/F");
    const auto bits = flags.isInteger() ? flags.getIntValue() : 0;
    if ((bits & kPrint) == 0 || (bits & (kInvisible | kHidden | kNoView | kToggle)) != 0)
      Found(PdfaProblem::kAnnotationHidden);
    if (kind.isNameAndEquals("/Link")) return;
    const Rect rect = RectOf(annotation.getKey("/Rect"));
    Handle appearance = annotation.getKey("/AP");
    if (!rect.empty() && (!appearance.isDictionary() || !appearance.hasKey("/N")))
      Found(PdfaProblem::kAnnotationAppearance);
  }

  PdfaProblem problem_ = PdfaProblem::kNone;
};

std::string MetadataOf(QPDF& pdf) {
  Handle metadata = pdf.getRoot().getKey("/Metadata");
  if (!metadata.isStream()) return "";
  const auto bytes = metadata.getStreamData(qpdf_dl_generalized);
  return std::string(reinterpret_cast<const char*>(bytes->getBuffer()), bytes->getSize());
}

// Gives the document what PDF/A-2b asks for beside its pages, and leaves what it has.
void MakePdfa(QPDF& pdf) {
  Handle root = pdf.getRoot();
  std::string xmp = MetadataOf(pdf);
  Handle info = pdf.getTrailer().getKey("/Info");
  InfoEntries entries;
  if (info.isDictionary()) {
    for (const std::string& key : info.getKeys()) {
      Handle value = info.getKey(key);
      if (!PropertyOf(key, "").name.empty() && value.isString() && !value.getUTF8Value().empty())
        entries[key] = value.getUTF8Value();
    }
  }
  const size_t end = xmp.rfind("</rdf:RDF>");
  const bool kept = end != std::string::npos && xmp.find("pdfaid") == std::string::npos;
  std::string more = PdfaClaim();
  for (const auto& [key, value] : InfoEntries(entries)) {
    const XmpProperty property = PropertyOf(key, value);
    const bool told = kept && xmp.find(property.name) != std::string::npos;
    if (property.value.empty() || (told && xmp.find(property.value) == std::string::npos)) {
      // XMP says something else, and is what counts.
      info.removeKey(key);
      entries.erase(key);
    } else if (!told) {
      more += property.description;
    }
  }
  if (kept) {
    xmp.insert(end, more);
  } else {
    entries.emplace("/Producer", "glm-ocr");
    xmp = PdfaMetadata(entries);
  }
  Handle metadata = Handle::newStream(&pdf, xmp);
  metadata.getDict().replaceKey("/Type", Handle::newName("/Metadata"));
  metadata.getDict().replaceKey("/Subtype", Handle::newName("/XML"));
  root.replaceKey("/Metadata", metadata);
  Handle intents = root.getKey("/OutputIntents");
  if (intents.isArray() && intents.getArrayNItems() > 0) return;
  Handle profile = Handle::newStream(&pdf, SrgbProfile());
  profile.getDict().replaceKey("/N", Handle::newInteger(3));
  Handle intent = Handle::parse(
      "<< /Type /OutputIntent /S /GTS_PDFA1 /OutputConditionIdentifier (sRGB) /Info (sRGB) >>");
  intent.replaceKey("/DestOutputProfile", profile);
  Handle all = Handle::newArray();
  all.appendItem(pdf.makeIndirectObject(intent));
  root.replaceKey("/OutputIntents", all);
}

// PDF/A-1 knows no object streams; a file that claims to be one stays it.
bool ClaimsPdfa1(QPDF& pdf) {
  const std::string text = MetadataOf(pdf);
  return text.find("pdfaid:part>1<") != std::string::npos ||
         text.find("pdfaid:part=\"1\"") != std::string::npos ||
         text.find("pdfaid:part='1'") != std::string::npos;
}

}  // namespace

RewriteReport Rewrite(int source, int layer, const RewriteOptions& options,
                      const std::function<void(const void*, size_t)>& sink) {
  RewriteReport report;
  QPDF pdf;
  Read(pdf, source, options.password);
  report.encrypted = pdf.isEncrypted();
  report.is_signed = IsSigned(pdf);
  const std::vector<Handle> all = pdf.getAllPages();
  bool whole = options.pages.size() == all.size();
  for (size_t i = 0; i < options.pages.size(); ++i) {
    if (options.pages[i].index >= all.size()) throw std::runtime_error("no such page");
    whole = whole && options.pages[i].index == i;
  }
  report.changed = !whole || report.encrypted;

  std::optional<Layers> layers;
  for (const RewritePage& wanted : options.pages) {
    Handle page = all[wanted.index];
    if (wanted.layer < 0) {
      report.pages.push_back(RewrittenPage::kNoLayer);
      continue;
    }
    const PageContents found = Scan(page);
    const Rect shown = ShownBox(page);
    const bool text = found.visible + found.hidden > 0;
    const bool old_layer = found.hidden > 0 && found.visible == 0 &&
                           found.picture_area >= kScanShare * shown.width() * shown.height();
    if (text && !(options.replace_hidden_text && old_layer)) {
      report.pages.push_back(options.replace_hidden_text && found.hidden > 0
                                 ? RewrittenPage::kHiddenKept
                                 : RewrittenPage::kTextKept);
      continue;
    }
    if (!layers) layers.emplace(pdf, layer);
    if (text) RemoveText(pdf, page);
    layers->Add(page, static_cast<size_t>(wanted.layer));
    report.pages.push_back(text ? RewrittenPage::kHiddenReplaced : RewrittenPage::kLayerAdded);
    report.changed = true;
  }
  if (!options.language.empty()) {
    pdf.getRoot().replaceKey("/Lang", Handle::newUnicodeString(options.language));
    report.changed = true;
  }
  if (options.pdfa) {
    report.pdfa_problem = PdfaCheck().Run(pdf, all);
    if (report.pdfa_problem != PdfaProblem::kNone) return report;
    MakePdfa(pdf);
    report.changed = true;
  }
  if (!report.changed) return report;
  if (!whole) KeepPages(pdf, all, options.pages);

  SinkPipeline out(sink);
  QPDFWriter writer(pdf);
  writer.setOutputPipeline(&out);
  writer.setPreserveEncryption(false);
  writer.setDeterministicID(true);
  writer.setObjectStreamMode(ClaimsPdfa1(pdf) ? qpdf_o_disable : qpdf_o_generate);
  writer.setDecodeLevel(qpdf_dl_none);
  writer.setCompressStreams(true);
  writer.write();
  report.repaired = pdf.anyWarnings();
  return report;
}

struct UserUnits::State {
  QPDF pdf;
};

UserUnits::UserUnits(int fd, std::string password) : fd_(fd), password_(std::move(password)) {}
UserUnits::~UserUnits() = default;

double UserUnits::Of(uint32_t index) {
  try {
    if (!std::exchange(tried_, true)) {
      auto state = std::make_unique<State>();
      state->pdf.setAttemptRecovery(false);
      Read(state->pdf, fd_, password_);
      state_ = std::move(state);
    }
    if (!state_) return 1;
    // Down the tree of pages, past what its counts say is before the page.
    Handle node = state_->pdf.getRoot().getKey("/Pages");
    int64_t before = index;
    for (int depth = 0; depth < kMaxDepth; ++depth) {
      Handle kids = node.getKey("/Kids");
      if (!kids.isArray()) break;
      Handle next = Handle::newNull();
      for (Handle kid : kids.aitems()) {
        if (!kid.isDictionary()) continue;
        Handle count = kid.getKey("/Count");
        const int64_t pages =
            kid.getKey("/Kids").isArray() && count.isInteger() ? count.getIntValue() : 1;
        if (before < pages) {
          next = kid;
          break;
        }
        before -= pages;
      }
      if (!next.isDictionary()) return 1;
      node = next;
    }
    Handle unit = node.getKey("/UserUnit");
    const double value = unit.isNumber() ? unit.getNumericValue() : 1;
    return std::isfinite(value) && value > 0 && value <= 1e6 ? value : 1;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {
    state_.reset();
    return 1;
  }
}

}  // namespace pdf
}  // namespace glmocr
