#include "common/metadata/chunk_decoder.h"

#include <gtest/gtest.h>

namespace leader::metadata {
namespace {

constexpr std::string_view kBody =
    "5\r\nab\ncd\r\nA;note=\"x\"\r\n0123456789\r\n1 \r\n\n\r\n0\r\nTrailer: x\r\n\r\n";

TEST(ChunkDecoder, GivesTheBodyHoweverItIsCut) {
    for (std::size_t piece = 1; piece <= kBody.size(); ++piece) {
        ChunkDecoder decoder;
        std::string body;
        for (std::size_t at = 0; at < kBody.size(); at += piece) {
            EXPECT_FALSE(decoder.ended());
            EXPECT_FALSE(decoder.decode(kBody.substr(at, piece), body));
        }
        EXPECT_EQ("ab\ncd0123456789\n", body) << "in pieces of " << piece;
        EXPECT_TRUE(decoder.ended());
    }
}

TEST(ChunkDecoder, WhatIsNoChunkIsRefused) {
    for (const std::string_view bad :
         {"x\r\n", "\r\n", "5x\r\n", "-1\r\n", "2\r\nabc\r\n", "ffffffffffffffffff\r\n"}) {
        ChunkDecoder decoder;
        std::string body;
        EXPECT_TRUE(decoder.decode(bad, body)) << bad;
    }
}

TEST(ChunkDecoder, AHeadWithoutAnEndIsRefusedInsteadOfKept) {
    ChunkDecoder decoder;
    std::string body;
    EXPECT_FALSE(decoder.decode(std::string(ChunkDecoder::kMaxLine, '1'), body));
    EXPECT_TRUE(decoder.decode("1", body));
}

}  // namespace
}  // namespace leader::metadata
