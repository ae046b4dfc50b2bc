// BlockPool, PrefixCache and EncoderCache.
#include "engine/block_pool.h"

#include <gtest/gtest.h>

#include "engine/encoder_cache.h"
#include "engine/prefix_cache.h"

namespace glmocr {
namespace {

std::vector<PrefixToken> Tokens(int32_t first_id) {
  std::vector<PrefixToken> tokens(16);
  for (int32_t i = 0; i < 16; ++i)
    tokens[static_cast<size_t>(i)] = {.id = first_id + i, .position = {i, i, i}};
  return tokens;
}

TEST(BlockPool, CountsReferences) {
  BlockPool pool(2);
  const int32_t a = *pool.Allocate();
  const int32_t b = *pool.Allocate();
  EXPECT_NE(a, b);
  EXPECT_FALSE(pool.Allocate().has_value());
  pool.Ref(a);
  pool.Unref(a);
  EXPECT_EQ(pool.n_available(), 0);
  pool.Unref(a);
  EXPECT_EQ(pool.n_available(), 1);
  EXPECT_EQ(*pool.Allocate(), a);
}

TEST(BlockPool, KeptBlocksGoLastAndOldestFirst) {
  BlockPool pool(3);
  std::vector<int32_t> evicted;
  pool.set_on_evict([&](int32_t block) { evicted.push_back(block); });
  const int32_t a = *pool.Allocate(), b = *pool.Allocate(), c = *pool.Allocate();
  pool.Keep(a);
  pool.Keep(b);
  pool.Unref(b);
  pool.Unref(a);
  pool.Unref(c);
  EXPECT_EQ(pool.n_available(), 3);
  EXPECT_EQ(pool.n_kept(), 2);
  EXPECT_EQ(*pool.Allocate(), c);  // free before kept
  pool.Ref(b);                     // used again: no longer the oldest
  pool.Unref(b);
  EXPECT_EQ(*pool.Allocate(), a);
  EXPECT_EQ(*pool.Allocate(), b);
  EXPECT_EQ(evicted, (std::vector<int32_t>{a, b}));
  pool.Unref(a);  // the mark is gone with the content
  EXPECT_EQ(pool.n_kept(), 0);
}

TEST(PrefixCache, FindsTheLongestKnownBeginning) {
  BlockPool pool(8);
  PrefixCache cache(pool, PrefixCaching::kOn);
  const Hash128 k0 = PrefixBlockKey({}, Tokens(0)), k1 = PrefixBlockKey(k0, Tokens(16)),
                other = PrefixBlockKey(k0, Tokens(50));
  const int32_t a = *pool.Allocate(), b = *pool.Allocate();
  cache.Insert(k0, a);
  cache.Insert(k1, b);
  pool.Unref(a);
  pool.Unref(b);
  EXPECT_EQ(cache.Acquire(std::vector<Hash128>{k0, k1}), (std::vector<int32_t>{a, b}));
  EXPECT_EQ(pool.references(a), 1);
  EXPECT_EQ(cache.Acquire(std::vector<Hash128>{k0, other}), (std::vector<int32_t>{a}));
  EXPECT_EQ(pool.references(a), 2);
  EXPECT_TRUE(cache.Acquire(std::vector<Hash128>{other, k0}).empty());
}

TEST(PrefixCache, ForgetsEvictedBlocks) {
  BlockPool pool(1);
  PrefixCache cache(pool, PrefixCaching::kOn);
  const Hash128 key = PrefixBlockKey({}, Tokens(0));
  cache.Insert(key, *pool.Allocate());
  pool.Unref(0);
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_TRUE(pool.Allocate().has_value());
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_TRUE(cache.Acquire(std::vector<Hash128>{key}).empty());
}

TEST(PrefixCache, SecondBlockWithTheSameContentIsNotEntered) {
  BlockPool pool(2);
  PrefixCache cache(pool, PrefixCaching::kOn);
  const Hash128 key = PrefixBlockKey({}, Tokens(0));
  const int32_t a = *pool.Allocate(), b = *pool.Allocate();
  cache.Insert(key, a);
  cache.Insert(key, b);
  pool.Unref(b);
  pool.Unref(a);
  EXPECT_EQ(pool.n_kept(), 1);
  EXPECT_EQ(cache.Acquire(std::vector<Hash128>{key}), (std::vector<int32_t>{a}));
}

TEST(PrefixCache, KeyCoversEverythingTheCacheDependsOn) {
  const std::vector<PrefixToken> tokens = Tokens(0);
  const Hash128 key = PrefixBlockKey({}, tokens);
  EXPECT_EQ(key, PrefixBlockKey({}, tokens));
  EXPECT_NE(key, PrefixBlockKey(key, tokens));
  for (int change = 0; change < 6; ++change) {
    std::vector<PrefixToken> changed = tokens;
    PrefixToken& t = changed[7];
    if (change == 0) t.id = 99;
    if (change == 1) t.position[0] += 1;
    if (change == 2) t.position[1] += 1;
    if (change == 3) t.position[2] += 1;
    if (change == 4) t.image_row = 0;
    if (change == 5) t.image_hash.high = 1;
    EXPECT_NE(key, PrefixBlockKey({}, changed)) << change;
  }
}

TEST(EncoderCache, KeepsTheMostRecentlyUsedWithinItsBudget) {
  const auto embedding = [] { return std::make_shared<const Matrix>(10, 10); };  // 400 bytes
  EncoderCache cache(1000);
  cache.Insert({1, 0}, embedding());
  cache.Insert({2, 0}, embedding());
  EXPECT_NE(cache.Find({1, 0}), nullptr);
  cache.Insert({3, 0}, embedding());
  EXPECT_EQ(cache.Find({2, 0}), nullptr);
  EXPECT_NE(cache.Find({1, 0}), nullptr);
  EXPECT_NE(cache.Find({3, 0}), nullptr);
  EXPECT_EQ(cache.size_bytes(), 800u);
  cache.Insert({4, 0}, std::make_shared<const Matrix>(100, 100));  // larger than everything
  EXPECT_EQ(cache.size(), 2u);
}

}  // namespace
}  // namespace glmocr
