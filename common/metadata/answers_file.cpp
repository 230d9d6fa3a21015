#include "common/metadata/answers_file.h"

#include <Poco/Exception.h>
#include <Poco/Net/NetworkInterface.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/base/unique_fd.h"
#include "common/metadata/json.h"

namespace leader::metadata {
namespace {

constexpr std::array kFileVersions = {"2016-07-29", "2015-12-19", "2015-07-25", "latest"};

Result<std::string> readAll(const std::string& path) {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (!fd || fstat(fd.get(), &status) != 0) return Error::fromErrno("cannot read " + path);
    if (!S_ISREG(status.st_mode)) return Error{path + ": is not a file"};
    std::string text;
    std::array<char, 65536> chunk;
    for (;;) {
        const ssize_t n = ::read(fd.get(), chunk.data(), chunk.size());
        if (n < 0) return Error::fromErrno("cannot read " + path);
        if (n == 0) return text;
        text.append(chunk.data(), static_cast<std::size_t>(n));
        if (text.size() > AnswersFile::kMaxSize)
            return Error{path + ": is over " + std::to_string(AnswersFile::kMaxSize >> 20) + " MiB"};
    }
}

std::string newestVersion(const Poco::JSON::Object& versions, const std::string& path) {
    for (const char* version : kFileVersions)
        if (versions.has(version)) return version;
    throw Poco::DataFormatException(path +
                                    ": has none of the versions 2016-07-29, 2015-12-19, 2015-07-25, latest");
}

/// What a client at `address` sees under `key`: its own, or else everybody's.
Poco::Dynamic::Var lookUp(const Poco::JSON::Object& clients, const std::string& address,
                          const std::string& key) {
    for (const std::string& client : {address, std::string("default")}) {
        const auto tree = clients.getObject(client);
        if (tree && tree->has(key)) return tree->get(key);
    }
    return {};
}

}  // namespace

AnswersFile::AnswersFile(std::string path, std::string version, Poco::JSON::Object::Ptr clients,
                         std::vector<std::string> addresses)
    : path_(std::move(path)),
      version_(std::move(version)),
      clients_(std::move(clients)),
      addresses_(std::move(addresses)) {
}

Result<AnswersFile> AnswersFile::read(const std::string& path, const std::vector<std::string>& addresses) {
    const auto text = readAll(path);
    return text ? parse(*text, path, addresses) : text.error();
}

Result<AnswersFile> AnswersFile::parse(const std::string& text, const std::string& path,
                                       const std::vector<std::string>& addresses) {
    try {
        const auto versions = json::asObject(json::parse(text, path), path);
        const std::string version = newestVersion(*versions, path);
        auto clients = json::asObject(versions->get(version), path + ": " + version);
        return AnswersFile(path, version, std::move(clients), addresses);
    } catch (const Poco::Exception& e) {
        return Error{e.message()};
    }
}

std::string AnswersFile::revision() const {
    const auto version = lookUp(*clients_, "default", "version");
    return version.isString() ? version.toString() : "";
}

Result<Self> AnswersFile::self() {
    for (const std::string& address : addresses_) {
        const auto tree = clients_->getObject(address);
        if (tree && tree->has("self")) return readSelf(tree->get("self"), name() + "/" + address + "/self");
    }
    return selfInContainers();
}

Result<Self> AnswersFile::selfInContainers() {
    const auto all = containers();
    if (!all) return all.error();
    Self self;
    for (const Container& container : *all) {
        if (std::find(addresses_.begin(), addresses_.end(), container.address) == addresses_.end()) continue;
        if (self.container)
            return Error{name() + ": this host has the addresses of both " + self.container->name + " and " +
                         container.name + "; say which it is with --self"};
        self.container = container;
    }
    return self;
}

Result<std::vector<Container>> AnswersFile::containers() {
    const std::string client = addresses_.empty() ? "default" : addresses_.front();
    return readContainers(lookUp(*clients_, client, "containers"), name() + "/containers");
}

std::vector<std::string> hostAddresses() {
    std::vector<std::string> addresses;
    try {
        for (const auto& [index, interface] : Poco::Net::NetworkInterface::map(true, false))
            for (const auto& tuple : interface.addressList())
                addresses.push_back(tuple.get<Poco::Net::NetworkInterface::IP_ADDRESS>().toString());
    } catch (const Poco::Exception&) {
        addresses.clear();
    }
    return addresses;
}

}  // namespace leader::metadata
