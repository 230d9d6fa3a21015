#pragma once

#include <Poco/JSON/Object.h>

#include <string>
#include <vector>

#include "common/metadata/service_snapshot.h"

namespace leader::metadata {

/// One reading of an answers file in Rancher's format: versions, in them client addresses or `default`, in
/// them the tree that the server would serve.
class AnswersFile : public DocumentSource {
  public:
    static constexpr std::size_t kMaxSize = std::size_t{64} * 1024 * 1024;

    /// `addresses` are the ones this host goes by.
    static Result<AnswersFile> read(const std::string& path, const std::vector<std::string>& addresses);
    /// The same of what is in the file.
    static Result<AnswersFile> parse(const std::string& text, const std::string& path,
                                     const std::vector<std::string>& addresses);

    /// The version token of the tree; empty where it has none.
    std::string revision() const;

    Result<Self> self() override;
    Result<std::vector<Container>> containers() override;
    std::string name() const override { return path_ + ": " + version_; }

  private:
    AnswersFile(std::string path, std::string version, Poco::JSON::Object::Ptr clients,
                std::vector<std::string> addresses);

    Result<Self> selfInContainers();

    std::string path_;
    std::string version_;
    Poco::JSON::Object::Ptr clients_;
    std::vector<std::string> addresses_;
};

/// The addresses of this host's interfaces.
std::vector<std::string> hostAddresses();

}  // namespace leader::metadata
