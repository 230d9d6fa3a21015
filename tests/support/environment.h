#pragma once

#include <Poco/Dynamic/Var.h>
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/answers.h"

namespace leader::test {

/// One container as Rancher lists it. The defaults are a running one of the service web/app.
struct Container {
    std::string name{};
    std::string uuid{};
    std::string address{};
    /// Any JSON value; an empty one is null.
    Poco::Dynamic::Var createIndex{};
    std::string stack = "web";
    std::string service = "app";
    /// Empty: one of this stack and service's own. A sidekick has its primary's.
    std::string serviceUuid{};
    Poco::Dynamic::Var state = std::string("running");
    Poco::Dynamic::Var health{};
    /// The server does not know it by its source address; `self` is 404 for it.
    bool hostNetworked = false;
    /// Fields to leave out altogether, as old servers do and broken ones might.
    std::vector<std::string> without{};

    /// Number `n` of web/app: "web-app-n", 10.42.0.n, create index n.
    static Container number(int n);
};

/// Builds answers trees the way Rancher's generator does. Plain values; every answers() is a fresh tree.
class Environment {
  public:
    /// What `self.service.containers` holds.
    enum class Shape { kAbsent, kNames, kObjects };

    static constexpr const char* kOldest = "2015-07-25";
    static constexpr const char* kMiddle = "2015-12-19";
    static constexpr const char* kNewest = "2016-07-29";

    Environment& add(Container container);
    /// Numbers 1 to `n` of web/app.
    Environment& addMembers(int n);
    /// `n` containers of other services, five to a service, created after what is there.
    Environment& addCrowd(int n);
    Environment& versions(std::vector<std::string> versions);
    /// In all versions; otherwise names in the oldest, objects in the newer ones.
    Environment& shape(Shape shape);
    /// `self` of an unknown client says which host it runs on and nothing else, as some servers do.
    Environment& hostForStrangers();

    Container& container(const std::string& name);
    Environment& remove(const std::string& name);

    Answers answers() const;

  private:
    Poco::JSON::Object::Ptr tree(const std::string& version) const;

    std::vector<Container> containers_;
    std::vector<std::string> versions_{kOldest, kMiddle, kNewest};
    std::optional<Shape> shape_;
    bool hostForStrangers_ = false;
};

/// The answers file at `path` as a tree.
Answers loadAnswers(const std::string& path);
/// Writes `answers` under `path` at once: under another name, then renamed.
void saveAnswers(const Answers& answers, const std::string& path);

}  // namespace leader::test
