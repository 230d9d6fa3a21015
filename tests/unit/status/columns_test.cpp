#include "common/status/columns.h"

#include <gtest/gtest.h>

namespace leader::status {
namespace {

TEST(Columns, AreThoseOfATerminal) {
    EXPECT_EQ(6U, columnsOf("größer"));
    EXPECT_EQ(0U, columnsOf(""));
    EXPECT_EQ(6U, columnsOf("日本語"));
    EXPECT_EQ(4U, columnsOf("한국"));
    EXPECT_EQ(6U, columnsOf("ｗｅｂ"));
    EXPECT_EQ(2U, columnsOf("🚀"));
    EXPECT_EQ(3U, columnsOf("e\u0301\u0302té")) << "marks combine with what is before them";
    EXPECT_EQ(2U, columnsOf("\u1112\u1161\u11ab")) << "one syllable of Hangul in three parts";
    EXPECT_EQ(5U, columnsOf("→ ½ µ")) << "ambiguous ones are narrow";
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

TEST(Shortened, NeitherTearsWideCharactersApartNorLeavesMarksAlone) {
    EXPECT_EQ("日..語", shortenedInTheMiddle("日本語日本語", 6));
    EXPECT_EQ("日..語", shortenedInTheMiddle("日本語日本語", 7));
    EXPECT_EQ("", shortenedInTheMiddle("日本語", 1));
    EXPECT_EQ("日..", shortenedAtTheEnd("日本語日本語", 5));
    EXPECT_EQ("e\u0301..x", shortenedInTheMiddle("e\u0301\u0301abcd\u0301x", 4).replace(3, 2, ""));
    EXPECT_EQ("a..cx", shortenedInTheMiddle("abbbc\u0301x", 5).replace(4, 2, ""));
}

}  // namespace
}  // namespace leader::status
