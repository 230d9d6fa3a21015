#include "common/base/printable.h"

#include <gtest/gtest.h>

namespace leader {
namespace {

TEST(Printable, LeavesOrdinaryTextAlone) {
    for (const std::string text : {"", "web-app-1", "größer", "日本", "𝄞 \"quoted\""}) {
        EXPECT_EQ(text, printable(text));
        EXPECT_EQ(text, validUtf8(text));
        EXPECT_EQ(text, printableJson(text));
    }
}

TEST(Printable, EscapesWhatMovesTheCursorOrTurnsTextAround) {
    EXPECT_EQ("\\x1b[2J", printable("\x1b[2J"));
    EXPECT_EQ("a\\x0ab\\x00c", printable(std::string("a\nb\0c", 5)));
    EXPECT_EQ("\\x7f", printable("\x7f"));
    EXPECT_EQ("\\xc2\\x9b2J", printable("\xc2\x9b"
                                        "2J"))
        << "the one-byte form of ESC [";
    EXPECT_EQ("\\xe2\\x80\\xae", printable("\xe2\x80\xae")) << "right-to-left override";
    EXPECT_EQ("\\xe2\\x80\\xa8", printable("\xe2\x80\xa8")) << "line separator";
}

TEST(Printable, EscapesWhatNobodySeesSoThatTwoNamesThatDifferLookDifferent) {
    EXPECT_EQ("web\\xe2\\x80\\x8b-1", printable("web\u200b-1")) << "zero width space";
    EXPECT_EQ("web\\xc2\\xad-1", printable("web\u00ad-1")) << "soft hyphen";
    EXPECT_EQ("\\xef\\xbb\\xbfweb", printable("\ufeffweb")) << "byte order mark";
    EXPECT_EQ("web\\xf3\\xa0\\x81\\xa1", printable("web\U000e0061")) << "tag";
}

TEST(Printable, EscapesBytesThatAreNotUtf8) {
    EXPECT_EQ("a\\xffb", printable("a\xff"
                                   "b"));
    EXPECT_EQ("\\xc3", printable("\xc3")) << "cut off";
    EXPECT_EQ("\\xc0\\xaf", printable("\xc0\xaf")) << "overlong";
    EXPECT_EQ("\\xed\\xa0\\x80", printable("\xed\xa0\x80")) << "a surrogate";
}

TEST(Printable, ValidUtf8PutsAReplacementForEachBadByte) {
    EXPECT_EQ(
        "a\xef\xbf\xbd"
        "b",
        validUtf8("a\xff"
                  "b"));
    EXPECT_EQ("\x1b[", validUtf8("\x1b["));
}

TEST(Printable, AJsonDocumentStaysOne) {
    EXPECT_EQ("{\"a\":\"\\u200b\\udb40\\udc61\"}", printableJson("{\"a\":\"\u200b\U000e0061\"}"));
    EXPECT_EQ("{\"a\":\"\\u009b\\u202e\\u007f\"}", printableJson("{\"a\":\"\xc2\x9b\xe2\x80\xae\x7f\"}"));
}

}  // namespace
}  // namespace leader
