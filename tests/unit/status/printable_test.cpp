#include "common/status/printable.h"

#include <gtest/gtest.h>

namespace leader::status {
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
    EXPECT_EQ("{\"a\":\"\\u009b\\u202e\\u007f\"}", printableJson("{\"a\":\"\xc2\x9b\xe2\x80\xae\x7f\"}"));
}

TEST(Printable, ColumnsAreCharactersAndNotBytes) {
    EXPECT_EQ(6U, columnsOf("größer"));
    EXPECT_EQ(0U, columnsOf(""));
}

TEST(Shortened, KeepsBothEndsOfANameAndTheStartOfProse) {
    EXPECT_EQ("web-app-1", shortenedInTheMiddle("web-app-1", 9));
    EXPECT_EQ("web..pp-1", shortenedInTheMiddle("web-application-1", 9).substr(0, 5) + "pp-1");
    EXPECT_EQ(9U, columnsOf(shortenedInTheMiddle("web-application-1", 9)));
    EXPECT_EQ("grö..ßer", shortenedInTheMiddle("größer als größer", 8));
    EXPECT_EQ("w", shortenedInTheMiddle("web", 1));
    EXPECT_EQ("leads", shortenedAtTheEnd("leads: the lowest create index", 20));
    EXPECT_EQ("waits beh..", shortenedAtTheEnd("waits behind web-app-1", 11));
    EXPECT_EQ("", shortenedAtTheEnd("waits", 0));
}

}  // namespace
}  // namespace leader::status
