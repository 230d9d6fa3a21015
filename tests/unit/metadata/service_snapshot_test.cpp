#include "common/metadata/service_snapshot.h"

#include <gtest/gtest.h>

namespace leader::metadata {
namespace {

Container container(const std::string& uuid, const std::string& stack, const std::string& service,
                    const std::string& address = "", const std::string& serviceUuid = "") {
    Container c;
    c.uuid = uuid;
    c.name = "name-" + uuid;
    c.address = address;
    c.stack = stack;
    c.service = service;
    c.serviceUuid = serviceUuid;
    c.createIndex = 1;
    return c;
}

struct FakeSource : DocumentSource {
    Self whoAsks;
    std::vector<Container> all;
    int containerReads = 0;

    Result<Self> self() override { return whoAsks; }
    Result<std::vector<Container>> containers() override {
        ++containerReads;
        return all;
    }
    std::string name() const override { return "M"; }
};

std::string members(const Result<ServiceSnapshot>& snapshot) {
    if (!snapshot) return "error: " + snapshot.error().message;
    std::string uuids;
    for (const Container& c : snapshot->members) uuids += c.uuid;
    return uuids;
}

TEST(ServiceSnapshot, TheOwnServiceIsReadFromSelfAloneWhereItIsThere) {
    FakeSource source;
    source.whoAsks.container = container("a", "s", "web");
    source.whoAsks.members = {container("a", "s", "web"), container("b", "s", "web")};
    const auto snapshot = readService(source, {});
    EXPECT_EQ("ab", members(snapshot));
    EXPECT_EQ("a", snapshot->selfUuid);
    EXPECT_EQ(0, source.containerReads);
}

TEST(ServiceSnapshot, OtherwiseItIsPickedFromAllContainers) {
    FakeSource source;
    source.whoAsks.container = container("a", "s", "web");
    source.all = {container("a", "s", "web"), container("b", "S", "WEB"), container("c", "t", "web"),
                  container("d", "s", "db"), container("e", "", "")};
    EXPECT_EQ("ab", members(readService(source, {})))
        << "names compare without case, a service name alone is not enough";
}

TEST(ServiceSnapshot, OneNameInTwoEnvironmentsIsTwoServices) {
    FakeSource source;
    source.whoAsks.container = container("a", "s", "web", "", "U1");
    source.all = {container("a", "s", "web", "", "U1"), container("b", "s", "web", "", "U2"),
                  container("c", "s", "web", "", "")};
    EXPECT_EQ("ac", members(readService(source, {})));
}

TEST(ServiceSnapshot, ASidekickWithItsPrimarysUuidElectsAmongItsOwnKind) {
    FakeSource source;
    source.whoAsks.container = container("a", "s", "web-sidekick", "", "U1");
    source.all = {container("a", "s", "web-sidekick", "", "U1"), container("b", "s", "web", "", "U1")};
    EXPECT_EQ("a", members(readService(source, {})));
}

TEST(ServiceSnapshot, AMalformedMemberIsAnErrorAMalformedStrangerIsNot) {
    FakeSource source;
    source.whoAsks.container = container("a", "s", "web");
    source.all = {container("a", "s", "web"), container("x", "s", "other")};
    source.all[1].defect = "M/1/create_index: bad";
    EXPECT_EQ("a", members(readService(source, {})));
    source.all[1].service = "web";
    EXPECT_EQ("error: M/1/create_index: bad", members(readService(source, {})));
}

TEST(ServiceSnapshot, WhoIsNotKnownOrAloneIsAnError) {
    FakeSource source;
    EXPECT_NE(std::string::npos, members(readService(source, {})).find("--self"));
    source.whoAsks.container = container("a", "", "");
    EXPECT_EQ("error: M/self: container name-a belongs to no service", members(readService(source, {})));
}

TEST(ServiceSnapshot, SelfIsFoundByUuidNameOrAddress) {
    FakeSource source;
    source.all = {container("a", "s", "web", "10.0.0.1"), container("b", "s", "web", "10.0.0.2")};
    for (const char* id : {"b", "name-b", "NAME-B", "10.0.0.2"})
        EXPECT_EQ("b", readService(source, {id, ""})->selfUuid);
    EXPECT_EQ("error: M: no container has the uuid, name or address 'z'",
              members(readService(source, {"z", ""})));
}

TEST(ServiceSnapshot, SelfMayBeListedTwice) {
    FakeSource source;
    source.all = {container("a", "s", "web"), container("b", "s", "web"), container("b", "s", "web")};
    EXPECT_EQ("b", readService(source, {"name-b", ""})->selfUuid);
}

TEST(ServiceSnapshot, AnAddressOfTwoContainersDoesNotSayWhoSelfIs) {
    FakeSource source;
    source.all = {container("a", "s", "web", "10.0.0.1"), container("b", "s", "web", "10.0.0.1")};
    EXPECT_NE(std::string::npos,
              members(readService(source, {"10.0.0.1", ""})).find("name this member by its uuid"));
    EXPECT_EQ("b", readService(source, {"b", ""})->selfUuid);
}

TEST(ServiceSnapshot, AnotherServiceIsFoundByItsNameWithOrWithoutStack) {
    FakeSource source;
    source.whoAsks.container = container("a", "s", "web");
    source.all = {container("a", "s", "web"), container("b", "s", "db"), container("c", "t", "db")};
    const auto snapshot = readService(source, {"", "T/DB"});
    EXPECT_EQ("c", members(snapshot));
    EXPECT_EQ("a", snapshot->selfUuid);
    EXPECT_EQ("t", snapshot->stack);
    EXPECT_EQ("a", members(readService(source, {"", "web"})));
    EXPECT_NE(std::string::npos, members(readService(source, {"", "db"})).find("STACK/SERVICE"));
    EXPECT_NE(std::string::npos, members(readService(source, {"", "mail"})).find("'mail'"));
}

TEST(ServiceSnapshot, AnOnlookerNeedNotBeKnown) {
    FakeSource source;
    source.all = {container("b", "s", "db")};
    const auto snapshot = readService(source, {"", "s/db"});
    EXPECT_EQ("b", members(snapshot));
    EXPECT_EQ("", snapshot->selfUuid);
}

}  // namespace
}  // namespace leader::metadata
