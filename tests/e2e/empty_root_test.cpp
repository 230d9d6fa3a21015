// The static binary where nothing else is: no library, no /proc, no /tmp, no locale, nothing to write to, no
// root.

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/e2e/harness.h"
#include "tests/support/name_server.h"
#include "tests/support/network_namespaces.h"

namespace leader::test {
namespace {

/// Whether no other program is named to load it (elf(5)).
bool isStatic(const std::string& binary) {
    std::ifstream file(binary, std::ios::binary);
    Elf64_Ehdr header{};
    file.read(reinterpret_cast<char*>(&header), sizeof header);
    file.seekg(static_cast<std::streamoff>(header.e_phoff));
    for (int i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment{};
        if (!file.read(reinterpret_cast<char*>(&segment), sizeof segment)) return false;
        if (segment.p_type == PT_INTERP) return false;
    }
    return file.good();
}

const char* const kEnter = R"sh(
root=$1
shift
mount --bind "$root" "$root" && mount -o remount,ro,bind "$root" && cd "$root" &&
    exec env -i "$(command -v chroot)" --userspec=4711:4711 "$root" /leader "$@")sh";

class EmptyRoot : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!isStatic(leaderBinary())) GTEST_SKIP() << leaderBinary() << " is not static; see scripts/static";
        if (const auto why = NetworkNamespaces::unavailable()) GTEST_SKIP() << *why;
        network_ = std::make_unique<NetworkNamespaces>(0);
        std::filesystem::copy_file(leaderBinary(), root_ / "leader");
        ::chmod((root_ / "").c_str(), 0755);
        server_ = std::make_unique<MetadataServer>(
            service(1, 1).answers(),
            MetadataServer::Options{.port = 80, .networkNamespace = network_->hub()});
        nameServer_ = std::make_unique<NameServer>(
            network_->hub(), std::map<std::string, std::string>{{"metadata.stack.internal", "127.0.0.1"}});
    }

    void etc(const std::string& file, const std::string& text) {
        std::filesystem::create_directories(root_ / "etc");
        writeFile(root_ / ("etc/" + file), text);
    }

    /// `leader` as process 1, as some user, with the folder, read-only, as its whole world.
    Ended inRoot(std::vector<std::string> words) const {
        Process::Options options;
        options.command = {"unshare", "--mount", "--pid", "--fork", "--kill-child",
                           "sh",      "-c",      kEnter,  "-",      root_ / ""};
        options.command.insert(options.command.end(), words.begin(), words.end());
        options.networkNamespace = network_->hub();
        return runToEnd(options);
    }

    Ended checkAt(const std::string& name) const {
        return inRoot({"check", "--timeout", "1s", "--engine", "http://" + name + "/"});
    }

    TemporaryDirectory root_;
    std::unique_ptr<NetworkNamespaces> network_;
    std::unique_ptr<MetadataServer> server_;
    std::unique_ptr<NameServer> nameServer_;
};

TEST_F(EmptyRoot, TheBinaryIsSmall) {
    EXPECT_LE(std::filesystem::file_size(leaderBinary()), 7'000'000U);
}

TEST_F(EmptyRoot, HelpAndVersionNeedNothing) {
    EXPECT_EQ(0, inRoot({"--version"}).code);
    EXPECT_EQ(0, inRoot({"help", "run"}).code);
}

TEST_F(EmptyRoot, AnAddressNeedsNoFiles) {
    const auto ended = checkAt("127.0.0.1");
    EXPECT_EQ(0, ended.code) << ended.errors;
}

TEST_F(EmptyRoot, ANameIsFoundInHosts) {
    etc("hosts", "127.0.0.1 localhost\n127.0.0.1 metadata-by-hosts\n");
    const auto ended = checkAt("metadata-by-hosts");
    EXPECT_EQ(0, ended.code) << ended.errors;
    EXPECT_TRUE(nameServer_->asked().empty());
}

TEST_F(EmptyRoot, ANameIsFoundByTheNameServer) {
    etc("resolv.conf", "nameserver 127.0.0.1\n");
    const auto ended = checkAt("metadata.stack.internal");
    EXPECT_EQ(0, ended.code) << ended.errors;
    EXPECT_FALSE(nameServer_->asked().empty());
}

TEST_F(EmptyRoot, TheSearchListCompletesAName) {
    etc("hosts", "127.0.0.1 localhost\n");
    etc("resolv.conf",
        "search other.internal stack.internal\nnameserver 127.0.0.1\noptions ndots:2 timeout:1\n");
    const auto ended = checkAt("metadata");
    EXPECT_EQ(0, ended.code) << ended.errors;
    EXPECT_EQ("metadata.other.internal", nameServer_->asked().at(0));
}

// Loading one of another C library's modules could do anything.
TEST_F(EmptyRoot, TheModulesThatNsswitchNamesAreNotNeeded) {
    etc("nsswitch.conf", "hosts: mymachines mdns4_minimal [NOTFOUND=return] resolve [!UNAVAIL=return]\n");
    etc("resolv.conf", "nameserver 127.0.0.1\n");
    const auto ended = checkAt("metadata.stack.internal");
    EXPECT_EQ(0, ended.code) << ended.errors;
}

TEST_F(EmptyRoot, ANameThatDoesNotExistIsAnErrorAndNoCrash) {
    etc("resolv.conf", "nameserver 127.0.0.1\n");
    const auto ended = checkAt("nowhere.internal");
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "nowhere.internal"));
}

TEST_F(EmptyRoot, ACommandIsRunAsProcess1) {
    const auto ended =
        inRoot({"run", "--engine", "http://127.0.0.1/", "--log-level", "error", "/leader", "--version"});
    EXPECT_EQ(0, ended.code) << ended.errors;
    EXPECT_EQ(1, countLines(ended.output, "^leader \\d"));
    EXPECT_EQ("", ended.errors);
}

}  // namespace
}  // namespace leader::test
