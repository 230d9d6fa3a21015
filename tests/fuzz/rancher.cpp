// Rancher's documents and answers files: read as a whole and element by element they say the same, and what
// is elected from them is a candidate that may lead, whatever the order in which they stand.

#include <algorithm>

#include "common/election/rule.h"
#include "common/election/snapshot_view.h"
#include "common/metadata/answers_file.h"
#include "common/metadata/json.h"
#include "tests/fuzz/expect.h"

namespace leader::fuzz {
namespace {

using namespace leader::metadata;

/// A document as the server would give it, to both questions.
class Document : public DocumentSource {
  public:
    explicit Document(const std::string& text) : text_(text) {}
    Result<Self> self() override { return parseSelf(text_, "/self"); }
    Result<std::vector<Container>> containers() override { return parseContainers(text_, "/containers"); }
    std::string name() const override { return "document"; }

  private:
    const std::string& text_;
};

std::string textOf(const Container& c) {
    return c.uuid + "|" + c.name + "|" + c.address + "|" + c.stack + "|" + c.service + "|" + c.serviceUuid +
           "|" + c.state + "|" + c.health + "|" + (c.createIndex ? std::to_string(*c.createIndex) : "-") +
           "|" + c.defect + "\n";
}

std::string textOf(const Result<std::vector<Container>>& containers) {
    if (!containers) return "error";
    std::string all;
    for (const Container& container : *containers) all += textOf(container);
    return all;
}

Result<std::vector<Container>> readAsWhole(const std::string& text) {
    try {
        return readContainers(json::parse(text, "/containers"), "/containers");
    } catch (const Poco::Exception& e) {
        return Error{e.message()};
    }
}

bool uuidsAreUnique(const std::vector<Candidate>& candidates) {
    std::vector<std::string> uuids;
    for (const Candidate& candidate : candidates) uuids.push_back(candidate.uuid);
    std::sort(uuids.begin(), uuids.end());
    return std::adjacent_find(uuids.begin(), uuids.end()) == uuids.end();
}

std::string leaderOf(const Outcome& outcome) {
    return outcome.leaderCandidate() == nullptr ? "" : outcome.leaderCandidate()->uuid;
}

void elects(const ServiceSnapshot& snapshot, bool onlooker) {
    View view = *viewOf(snapshot, "fuzz", "", onlooker, Instant());
    for (const bool healthyOnly : {false, true}) {
        const Outcome outcome = elect(view, healthyOnly);
        const Candidate* leader = outcome.leaderCandidate();
        expect(leader == nullptr || outcome.standings[*outcome.leader].eligible, "who leads is eligible");
        for (const Standing& standing : outcome.standings)
            expect(!standing.eligible ||
                       (leader != nullptr && leader->createIndex <= standing.candidate.createIndex),
                   "nobody eligible is before who leads");
        expect(outcome.role != Role::kLeader || (leader != nullptr && leader->uuid == view.selfUuid),
               "only who is the leader leads");
        if (!uuidsAreUnique(view.candidates)) continue;
        View reversed = view;
        std::reverse(reversed.candidates.begin(), reversed.candidates.end());
        const Outcome other = elect(reversed, healthyOnly);
        expect(other.role == outcome.role && leaderOf(other) == leaderOf(outcome),
               "the order of the list decides nothing");
    }
}

void ask(DocumentSource& source) {
    for (const ServiceQuery& query : {ServiceQuery{}, ServiceQuery{"web_1", ""}, ServiceQuery{"", "web"},
                                      ServiceQuery{"web_1", "shop/web"}}) {
        const auto snapshot = readService(source, query);
        if (!snapshot) {
            expect(!snapshot.error().message.empty(), "an error says something");
            continue;
        }
        for (const Container& member : snapshot->members)
            expect(member.defect.empty() && !member.uuid.empty(), "a member can be ranked");
        elects(*snapshot, !query.service.empty());
    }
}

}  // namespace
}  // namespace leader::fuzz

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    using namespace leader::fuzz;
    const std::string text(reinterpret_cast<const char*>(data), size);
    expect(textOf(parseContainers(text, "/containers")) == textOf(readAsWhole(text)),
           "a list is read as a whole as it is read element by element");
    Document document(text);
    ask(document);
    auto answers = AnswersFile::parse(text, "answers.json", {"10.42.75.49", "10.42.0.1"});
    if (!answers) return 0;
    answers->revision();
    ask(*answers);
    return 0;
}
