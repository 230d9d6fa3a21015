#include "common/metadata/rancher_document.h"

#include <gtest/gtest.h>

#include <regex>

namespace leader::metadata {
namespace {

std::string container(const std::string& createIndex) {
    return R"({"uuid":"u1","name":"web_1","primary_ip":"10.0.0.1","stack_name":"s","service_name":"web",
              "state":null,"health_state":"healthy","create_index":)" +
           createIndex + "}";
}

Container only(const std::string& json) {
    const auto read = parseContainers("[" + json + "]", "P");
    EXPECT_TRUE(read.ok()) << read.error().message;
    return read.ok() ? read->at(0) : Container{};
}

TEST(RancherDocument, AContainerIsReadFieldByField) {
    const Container c = only(container("7"));
    EXPECT_EQ("u1", c.uuid);
    EXPECT_EQ("web_1", c.name);
    EXPECT_EQ("10.0.0.1", c.address);
    EXPECT_EQ("s", c.stack);
    EXPECT_EQ("web", c.service);
    EXPECT_EQ("", c.state);
    EXPECT_EQ("healthy", c.health);
    EXPECT_EQ(7, c.createIndex);
    EXPECT_EQ("", c.defect);
}

TEST(RancherDocument, ACreateIndexMayBeANumberOrADecimalString) {
    EXPECT_EQ(0, only(container("0")).createIndex);
    EXPECT_EQ(12, only(container("\"12\"")).createIndex);
    EXPECT_EQ(INT64_MAX, only(container("9223372036854775807")).createIndex);
    EXPECT_EQ(INT64_MAX, only(container("\"9223372036854775807\"")).createIndex);
}

TEST(RancherDocument, WithoutACreateIndexThereIsNoneAndNoDefect) {
    EXPECT_FALSE(only(container("null")).createIndex);
    EXPECT_EQ("", only(container("null")).defect);
    EXPECT_FALSE(only(R"({"uuid":"u"})").createIndex);
    EXPECT_EQ("", only(R"({"uuid":"u"})").defect);
}

class BadIndex : public testing::TestWithParam<const char*> {};

TEST_P(BadIndex, IsADefectThatNamesItsPlace) {
    const Container c = only(container(GetParam()));
    EXPECT_FALSE(c.createIndex);
    EXPECT_EQ(0U, c.defect.find("P/0/create_index: ")) << c.defect;
}

INSTANTIATE_TEST_SUITE_P(All, BadIndex,
                         testing::Values("-1", "1.5", "3.0", "1e3", "\"one\"", "\"\"", "\"-1\"", "\"+1\"",
                                         "\" 1\"", "9223372036854775808", "\"9223372036854775808\"",
                                         "18446744073709551616", "\"18446744073709551616\"",
                                         "-9223372036854775809", "true", "[]", "{}"));

TEST(RancherDocument, AMissingUuidIsADefect) {
    EXPECT_EQ("P/0/uuid: is missing", only(R"({"name":"x"})").defect);
}

TEST(RancherDocument, AFieldOfTheWrongTypeIsADefectOfItsContainerOnlyNamedWithItsPath) {
    const auto read = parseContainers(R"([{"uuid":"a"},{"uuid":"b","name":5}])", "http://m/v/containers");
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ("", (*read)[0].defect);
    EXPECT_EQ("http://m/v/containers/1/name: is a number, not a string", (*read)[1].defect);
}

TEST(RancherDocument, ElementsAndDocumentsOfTheWrongTypeAreRefused) {
    EXPECT_EQ("P/0: is not an object", parseContainers("[null]", "P").error().message);
    EXPECT_EQ("P/1: is not an object", parseContainers(R"([{"uuid":"a"},["x"]])", "P").error().message);
    EXPECT_EQ("P/0: is not an object", parseContainers(R"(["web_1"])", "P").error().message);
    EXPECT_EQ("P: is an object, not an array", parseContainers("{}", "P").error().message);
    EXPECT_EQ("P: is an array, not an object", parseSelf("[]", "P").error().message);
    EXPECT_EQ("P/container: is a string, not an object",
              parseSelf(R"({"container":"x"})", "P").error().message);
}

TEST(RancherDocument, NestedArraysAndObjectsInAnElementDoNotConfuseTheReader) {
    const auto read = parseContainers(
        R"([{"uuid":"a","ips":["1",["2"]],"labels":{"x":{"y":[{}]}}},{"uuid":"b","ports":[]}])", "P");
    ASSERT_TRUE(read.ok()) << read.error().message;
    ASSERT_EQ(2U, read->size());
    EXPECT_EQ("b", read->at(1).uuid);
}

TEST(RancherDocument, SelfHoldsItsServiceWhereTheServerListsObjects) {
    const auto self = parseSelf(R"({"container":)" + container("1") + R"(,"service":{"containers":[)" +
                                    container("1") + "," + container("2") + "]}}",
                                "P");
    ASSERT_TRUE(self.ok());
    EXPECT_EQ("u1", self->container->uuid);
    ASSERT_TRUE(self->members);
    EXPECT_EQ(2U, self->members->size());
}

TEST(RancherDocument, NamesOrNothingInTheServiceAreNoMembers) {
    for (const char* service : {R"({"containers":["web_1"]})", R"({"containers":[]})",
                                R"({"containers":null})", "{}", "null", R"({"containers":"x"})"}) {
        const auto self =
            parseSelf(R"({"container":)" + container("1") + R"(,"service":)" + service + "}", "P");
        ASSERT_TRUE(self.ok()) << service;
        EXPECT_FALSE(self->members) << service;
    }
}

TEST(RancherDocument, SelfWithoutContainerIsNotKnown) {
    EXPECT_FALSE(parseSelf("{}", "P")->container);
    EXPECT_FALSE(parseSelf(R"({"container":null})", "P")->container);
}

class NoDocument : public testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(NoDocument, IsRefusedInOneLine) {
    const auto& [text, why] = GetParam();
    for (const auto& message :
         {parseSelf(text, "P").error().message, parseContainers(text, "P").error().message}) {
        EXPECT_TRUE(std::regex_search(message.substr(0, 200), std::regex("^P(/0)?: " + why))) << message;
        EXPECT_EQ(std::string::npos, message.find('\n'));
    }
}

std::string repeated(const std::string& part, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += part;
    return all;
}

INSTANTIATE_TEST_SUITE_P(
    All, NoDocument,
    testing::Values(std::pair("", "is empty"), std::pair(" \n", "is empty"), std::pair("null", "is null"),
                    std::pair("<html></html>", "is not JSON"), std::pair("\"text\"", "is not JSON"),
                    std::pair("12", "is not JSON"), std::pair(R"([{"uuid":"a")", "is"),
                    std::pair(R"({"container":{)", "is"), std::pair(R"({"a":36893488147419103232})", "is"),
                    std::pair(repeated("[", 100000), "is"), std::pair(repeated(R"({"a":)", 100000), "is")));

}  // namespace
}  // namespace leader::metadata
