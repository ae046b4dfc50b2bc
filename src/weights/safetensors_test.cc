#include "weights/safetensors.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "weights/test_files.h"

namespace glmocr {
namespace {

using testing::HasSubstr;

// Parses from an exactly sized heap copy, so that AddressSanitizer sees a read beyond the end.
Result<SafetensorsHeader> Parse(const std::string& image) {
  const auto copy = std::make_unique<std::byte[]>(image.size());
  std::memcpy(copy.get(), image.data(), image.size());
  return ParseSafetensorsHeader({copy.get(), image.size()}, "m.safetensors");
}

struct BadCase {
  const char* name;
  std::string image;
  ErrorCode code;
  const char* says;
};

std::string One(std::string_view fields, size_t n_data) {
  return SafetensorsImage(fmt::format(R"({{"w":{{{}}}}})", fields), n_data);
}

// Two tensors of four bytes with these data_offsets.
std::string Offsets(std::string_view a, std::string_view b, size_t n_data) {
  const std::string header = fmt::format(
      R"({{"a":{{"dtype":"U8","shape":[4],"data_offsets":{}}},"b":{{"dtype":"U8","shape":[4],"data_offsets":{}}}}})",
      a, b);
  return SafetensorsImage(header, n_data);
}

std::vector<BadCase> BadCases() {
  const ErrorCode corrupt = ErrorCode::kCorrupt, unsupported = ErrorCode::kUnsupported;
  const std::string good = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const std::string deep(100'000, '[');
  return {
      {"Empty", "", corrupt, "0 bytes"},
      {"ShorterThanLength", "1234567", corrupt, "7 bytes"},
      {"OnlyLength", std::string(8, '\0'), corrupt, "begin with '{'"},
      // security row safetensors-header: the length lies, by one, by much, by everything
      {"LengthOnePastEnd", SafetensorsImage(good, 0, 1), corrupt, "has only"},
      {"LengthOverCap", std::string("\x01\xe1\xf5\x05\0\0\0\0", 8) + good, corrupt, "100000001"},
      {"LengthAllOnes", std::string(8, '\xff') + good, corrupt, "18446744073709551615"},
      {"LengthEndsInsideJson", SafetensorsImage(good, 8, static_cast<uint64_t>(-1)), corrupt,
       "not valid JSON"},
      {"LengthCoversData", SafetensorsImage(good + std::string(8, 'x'), 0), corrupt,
       "not valid JSON"},
      // the JSON library takes a NUL byte for the end of its input: what follows would be hidden
      {"NulHidesText", SafetensorsImage(std::string("{}\0garbage", 10), 0), corrupt, "zero byte"},
      {"NulPadding", SafetensorsImage(std::string("{}\0\0\0\0\0\0", 8), 0), corrupt, "zero byte"},
      {"NotJson", SafetensorsImage("{hello}", 0), corrupt, "not valid JSON"},
      {"LeadingSpace", SafetensorsImage(" {}", 0), corrupt, "begin with '{'"},
      {"TopLevelArray", SafetensorsImage("[]", 0), corrupt, "begin with '{'"},
      {"TextAfterObject", SafetensorsImage("{}{}", 0), corrupt, "not valid JSON"},
      {"BrokenUtf8Name", SafetensorsImage("{\"\xff\":{}}", 0), corrupt, "not valid JSON"},
      {"DeepNesting", SafetensorsImage("{\"w\":" + deep, 0), corrupt, "an array where"},
      {"DeepNestingInShape", SafetensorsImage("{\"w\":{\"shape\":" + deep, 0), corrupt, "an array"},
      {"DeepObjects", SafetensorsImage(R"({"w":{"dtype":{"dtype":{)", 0), corrupt,
       "an object where"},
      {"TensorIsNumber", SafetensorsImage(R"({"w":1})", 0), corrupt, "tensor 'w' has a number"},
      {"TensorIsNull", SafetensorsImage(R"({"w":null})", 0), corrupt, "tensor 'w' has null"},
      {"TensorIsBool", SafetensorsImage(R"({"w":true})", 0), corrupt, "tensor 'w' has a boolean"},
      {"TensorIsString", SafetensorsImage(R"({"w":"x"})", 0), corrupt, "tensor 'w' has a string"},
      {"NoFields", One("", 0), corrupt, "lacks dtype"},
      {"NoDType", One(R"("shape":[2],"data_offsets":[0,8])", 8), corrupt, "'w' lacks"},
      {"NoShape", One(R"("dtype":"F32","data_offsets":[0,8])", 8), corrupt, "'w' lacks"},
      {"NoOffsets", One(R"("dtype":"F32","shape":[2])", 8), corrupt, "'w' lacks"},
      {"UnknownField", One(R"("dtype":"F32","scale":1)", 8), corrupt, "unknown field 'scale'"},
      {"FieldTwice", One(R"("dtype":"F32","dtype":"F32")", 8), corrupt, "two fields 'dtype'"},
      {"UnknownDType", One(R"("dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2])", 2), unsupported,
       "'w' has dtype 'F8_E4M3'"},
      {"DTypeIsNumber", One(R"("dtype":7)", 8), corrupt, "a number where"},
      {"ShapeIsNumber", One(R"("shape":7)", 8), corrupt, "a number where"},
      {"NegativeDimension", One(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])", 8), corrupt,
       "'w' has a negative number"},
      {"FractionalDimension", One(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])", 8),
       corrupt, "63-bit"},
      {"DimensionBeyond63Bits",
       One(R"("dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8])", 8), corrupt,
       "above 2^63"},
      {"DimensionBeyond64Bits",
       One(R"("dtype":"F32","shape":[36893488147419103234],"data_offsets":[0,8])", 8), corrupt,
       "63-bit"},
      // 2^32 * 2^32 * 2 wraps to 0 in 64 bits, and 2^62 * 4 bytes wraps to 0 too
      {"CountOverflows",
       One(R"("dtype":"F32","shape":[4294967296,4294967296,2],"data_offsets":[0,0])", 0), corrupt,
       "overflows"},
      {"BytesOverflow",
       One(R"("dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0])", 0), corrupt,
       "overflows"},
      {"TooManyDimensions",
       One(R"("dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1])", 1), unsupported,
       "more than 8"},
      {"OneOffset", One(R"("dtype":"F32","shape":[2],"data_offsets":[0])", 8), corrupt,
       "1 data_offsets"},
      {"ThreeOffsets", One(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,8])", 8), corrupt,
       "a number where"},
      {"NegativeOffset", One(R"("dtype":"F32","shape":[2],"data_offsets":[-8,0])", 8), corrupt,
       "negative"},
      {"OffsetsBackwards", One(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])", 8), corrupt,
       "run backwards"},
      // security row safetensors-header: offsets lie
      {"OffsetsPastEnd", One(R"("dtype":"F32","shape":[2],"data_offsets":[8,16])", 8), corrupt,
       "tensor 'w' ends at byte 16"},
      {"OffsetsHuge",
       One(R"("dtype":"F32","shape":[2],"data_offsets":[9223372036854775799,9223372036854775807])",
           8),
       corrupt, "tensor 'w' ends at byte 9223372036854775807"},
      {"SizeTooSmall", One(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])", 4), corrupt,
       "needs 8"},
      {"SizeTooLarge", One(R"("dtype":"F32","shape":[2],"data_offsets":[0,12])", 12), corrupt,
       "needs 8"},
      {"Truncated", One(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", 7), corrupt,
       "which has 7"},
      {"TrailingBytes", One(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", 9), corrupt,
       "end at byte 8 of the data section, which has 9"},
      {"DataWithoutTensors", SafetensorsImage("{}", 1), corrupt, "which has 1"},
      {"Overlap", Offsets("[0,4]", "[2,6]", 6), corrupt, "'b' starts at byte 2"},
      {"SameBytes", Offsets("[0,4]", "[0,4]", 4), corrupt, "overlaps"},
      {"Hole", Offsets("[0,4]", "[5,9]", 9), corrupt, "leaves a hole"},
      {"HoleAtStart", Offsets("[1,5]", "[5,9]", 9), corrupt, "leaves a hole"},
      {"TensorTwice",
       SafetensorsImage(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
        "a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                        2),
       corrupt, "'a' appears twice"},
      {"MetadataTwice", SafetensorsImage(R"({"__metadata__":{},"__metadata__":{}})", 0), corrupt,
       "appears twice"},
      {"MetadataKeyTwice", SafetensorsImage(R"({"__metadata__":{"a":"b","a":"c"}})", 0), corrupt,
       "'a' appears twice"},
      {"MetadataNumber", SafetensorsImage(R"({"__metadata__":{"a":1}})", 0), corrupt,
       "__metadata__: has a number"},
      {"MetadataNested", SafetensorsImage(R"({"__metadata__":{"a":{}}})", 0), corrupt,
       "__metadata__: has an object"},
      {"NameWithNewline", SafetensorsImage("{\"a\\n\\u001b[31m\":1}", 0), corrupt,
       R"('a\x0a\x1b[31m')"},
  };
}

class BadHeaderTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadHeaderTest, IsRefused) {
  const Result<SafetensorsHeader> header = Parse(GetParam().image);
  ASSERT_FALSE(header.ok());
  EXPECT_EQ(header.error().code, GetParam().code) << header.error().message;
  EXPECT_THAT(header.error().message, HasSubstr("'m.safetensors'"));
  EXPECT_THAT(header.error().message, HasSubstr(GetParam().says));
  EXPECT_EQ(header.error().message.find('\n'), std::string::npos);
}
INSTANTIATE_TEST_SUITE_P(All, BadHeaderTest, testing::ValuesIn(BadCases()),
                         [](const auto& info) { return std::string(info.param.name); });

// Every prefix of a good file is refused: no truncation point passes for a file.
TEST(SafetensorsTest, EveryTruncationIsRefused) {
  const std::string good = One(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", 8);
  ASSERT_TRUE(Parse(good).ok());
  for (size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(Parse(good.substr(0, n)).ok()) << n;
}

TEST(SafetensorsTest, AcceptsWhatTheReferenceAccepts) {
  EXPECT_TRUE(Parse(SafetensorsImage("{}", 0)).ok());
  EXPECT_TRUE(Parse(SafetensorsImage("{}      ", 0)).ok());  // padding
  EXPECT_TRUE(Parse(SafetensorsImage(R"({"__metadata__":{"format":"pt"}})", 0)).ok());
  EXPECT_TRUE(Parse(One(R"("dtype":"F32","shape":[],"data_offsets":[0,4])", 4)).ok());
  EXPECT_TRUE(Parse(One(R"("dtype":"F32","shape":[0,9],"data_offsets":[0,0])", 0)).ok());
  EXPECT_TRUE(Parse(Offsets("[4,8]", "[0,4]", 8)).ok());  // any order of names
}

TEST(SafetensorsTest, EmptyTensorBetweenOthersIsNoHole) {
  const Result<SafetensorsHeader> header = Parse(SafetensorsImage(
      R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"e":{"dtype":"F32","shape":[0],"data_offsets":[2,2]},)"
      R"("b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
      3));
  ASSERT_TRUE(header.ok()) << header.error().message;
  EXPECT_EQ(header->tensors[1].name, "b");  // ascending by name
  EXPECT_EQ(header->tensors[1].begin, 2u);
}

class SafetensorsFileTest : public testing::Test {
 protected:
  TempFolder folder_{testing::TempDir() + "/" +
                     testing::UnitTest::GetInstance()->current_test_info()->name()};
};

TEST_F(SafetensorsFileTest, RoundTripKeepsEveryBit) {
  // NaN payloads, infinities and denormals must survive; so must the order-independent lookup.
  const uint32_t f32[6] = {0x7fc01234, 0xff800000, 1, 0x80000000, 0x3f800000, 0x7f7fffff};
  const uint16_t b16[3] = {0x7fc1, 0x0001, 0xbf80};
  const int64_t i64[2] = {INT64_MIN, -1};
  const auto view = [](const void* data, DType dtype, Shape shape) {
    return TensorView{static_cast<const std::byte*>(data), dtype, std::move(shape)};
  };
  const std::vector<NamedTensor> tensors = {{"z", view(f32, DType::kF32, {2, 3})},
                                            {"a", view(b16, DType::kBF16, {3})},
                                            {"scalar", view(i64, DType::kI64, {})},
                                            {"none", view(i64, DType::kI64, {0, 4})},
                                            {"m", view(i64, DType::kI64, {2})}};
  const auto path = folder_ / "t.safetensors";
  ASSERT_TRUE(WriteSafetensors(path, tensors, {{"format", "pt"}, {"note", "\"quoted\"\n"}}).ok());
  const Result<SafetensorsFile> file = SafetensorsFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->metadata(), (SafetensorsMetadata{{"format", "pt"}, {"note", "\"quoted\"\n"}}));
  EXPECT_EQ(file->tensors().size(), tensors.size());
  for (const NamedTensor& want : tensors) {
    const std::optional<TensorView> got = file->Find(want.name);
    ASSERT_TRUE(got.has_value()) << want.name;
    EXPECT_EQ(got->dtype, want.tensor.dtype);
    EXPECT_EQ(got->shape, want.tensor.shape);
    EXPECT_EQ(std::memcmp(got->data, want.tensor.data, want.tensor.size_bytes()), 0) << want.name;
  }
  EXPECT_FALSE(file->Find("b").has_value());
  file->DropPages();
  EXPECT_EQ(std::memcmp(file->Find("a")->data, b16, sizeof(b16)), 0);  // still readable afterwards
}

TEST_F(SafetensorsFileTest, WriterStreamsInChunksAndPadsTheHeader) {
  const auto path = folder_ / "t.safetensors";
  Result<SafetensorsWriter> writer =
      SafetensorsWriter::Open(path, {{"a", DType::kU8, {5}}, {"b", DType::kF32, {1}}});
  ASSERT_TRUE(writer.ok()) << writer.error().message;
  const char bytes[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  EXPECT_TRUE(writer->Append(bytes, 3).ok());
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(writer->Append(bytes + 3, 6).ok());
  ASSERT_TRUE(writer->Commit().ok());
  const Result<std::string> image = ReadFile(path, 4096);
  ASSERT_TRUE(image.ok());
  const Result<SafetensorsHeader> header = Parse(*image);
  ASSERT_TRUE(header.ok()) << header.error().message;
  EXPECT_EQ(header->data_begin % 8, 0u);
  EXPECT_EQ(image->substr(header->data_begin), std::string(bytes, 9));
}

TEST_F(SafetensorsFileTest, WriterRefusesWrongSizesAndLeavesNothing) {
  const auto path = folder_ / "t.safetensors";
  const char bytes[9] = {};
  {
    Result<SafetensorsWriter> writer = SafetensorsWriter::Open(path, {{"a", DType::kU8, {5}}});
    ASSERT_TRUE(writer.ok());
    EXPECT_TRUE(writer->Append(bytes, 4).ok());
    EXPECT_FALSE(writer->Append(bytes, 2).ok());
    EXPECT_FALSE(writer->Commit().ok());
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(SafetensorsFileTest, WriterRefusesBadSpecs) {
  const auto path = folder_ / "t.safetensors";
  const auto open = [&](const std::vector<TensorSpec>& specs) {
    return SafetensorsWriter::Open(path, specs).ok();
  };
  EXPECT_FALSE(open({{"a", DType::kU8, {1}}, {"a", DType::kU8, {1}}}));
  EXPECT_FALSE(open({{"__metadata__", DType::kU8, {1}}}));
  EXPECT_FALSE(open({{"a\xff", DType::kU8, {1}}}));
  EXPECT_FALSE(open({{"a", DType::kU8, {-1}}}));
  EXPECT_FALSE(open({{"a", DType::kF64, {int64_t{1} << 60}}}));
  EXPECT_FALSE(open({{"a", DType::kU8, {INT64_MAX}}, {"b", DType::kU8, {1}}}));
  EXPECT_FALSE(SafetensorsWriter::Open(path, {}, {{"k", "\xff"}}).ok());
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(SafetensorsFileTest, MissingAndEmptyFiles) {
  EXPECT_EQ(SafetensorsFile::Open(folder_ / "none").error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(WriteFileAtomically(folder_ / "empty", "").ok());
  EXPECT_EQ(SafetensorsFile::Open(folder_ / "empty").error().code, ErrorCode::kCorrupt);
}

// tests/golden/weights/python.safetensors: written by tools/goldens/make_safetensors.py with the
// reference library.
TEST(SafetensorsGoldenTest, ReadsAFileOfTheReferenceLibrary) {
  const Result<SafetensorsFile> file =
      SafetensorsFile::Open(GLMOCR_SOURCE_DIR "/tests/golden/weights/python.safetensors");
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->metadata().at("format"), "pt");
  const std::optional<TensorView> f32 = file->Find("f32"), bf16 = file->Find("bf16"),
                                  i64 = file->Find("i64");
  ASSERT_TRUE(f32 && bf16 && i64 && file->Find("empty") && file->Find("scalar"));
  EXPECT_EQ(f32->shape, (Shape{3, 5}));
  EXPECT_EQ(i64->shape, (Shape{7}));
  for (int i = 0; i < 15; ++i)
    EXPECT_EQ(ElementAsFloat(*f32, i), static_cast<float>(i) * 0.25f - 1.5f);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(ElementAsFloat(*bf16, i), static_cast<float>(i) - 4);
  for (int i = 0; i < 7; ++i) {
    int64_t value;
    std::memcpy(&value, i64->data + i * 8, 8);
    EXPECT_EQ(value, int64_t{i} * 1'000'000'007 - 3);
  }
}

// The bytes that tools/goldens/make_safetensors.py has loaded with the reference library
// (cpp.safetensors) are those that the writer makes today.
TEST_F(SafetensorsFileTest, WriterMakesTheFileThatTheReferenceLibraryRead) {
  float f32[15];
  bf16 half[8];
  int64_t i64[7];
  for (int i = 0; i < 15; ++i) f32[i] = static_cast<float>(i) * 0.25f - 1.5f;
  for (int i = 0; i < 8; ++i) half[i] = F32ToBF16(static_cast<float>(i) - 4);
  for (int i = 0; i < 7; ++i) i64[i] = int64_t{i} * 1'000'000'007 - 3;
  const auto view = [](const void* data, DType dtype, Shape shape) {
    return TensorView{static_cast<const std::byte*>(data), dtype, std::move(shape)};
  };
  const std::vector<NamedTensor> tensors = {{"f32", view(f32, DType::kF32, {3, 5})},
                                            {"bf16", view(half, DType::kBF16, {2, 4})},
                                            {"i64", view(i64, DType::kI64, {7})},
                                            {"empty", view(f32, DType::kF32, {0, 3})},
                                            {"scalar", view(f32, DType::kF32, {})}};
  const std::string golden = GLMOCR_SOURCE_DIR "/tests/golden/weights/cpp.safetensors";
  // GLMOCR_UPDATE_GOLDENS=1 rewrites the golden; run the script's check on it afterwards.
  const auto path = std::getenv("GLMOCR_UPDATE_GOLDENS") != nullptr ? std::filesystem::path(golden)
                                                                    : folder_ / "cpp";
  ASSERT_TRUE(WriteSafetensors(path, tensors, {{"format", "pt"}}).ok());
  const Result<std::string> got = ReadFile(path, 1 << 16);
  const Result<std::string> want = ReadFile(golden, 1 << 16);
  ASSERT_TRUE(got.ok() && want.ok());
  EXPECT_EQ(*got, *want);
}

}  // namespace
}  // namespace glmocr
