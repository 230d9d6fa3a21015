#include "tests/soak/footprint.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace leader::test {
namespace {

std::filesystem::path folderOf(pid_t pid) {
    return std::filesystem::path("/proc") / std::to_string(pid);
}

struct Stat {
    char state = 0;
    pid_t parent = 0;
};

Stat statOf(const std::filesystem::path& folder) {
    std::ifstream file(folder / "stat");
    std::string line;
    std::getline(file, line);
    // The name in parentheses may itself contain anything.
    std::istringstream rest(line.substr(std::min(line.rfind(')'), line.size() - 1) + 1));
    Stat stat;
    rest >> stat.state >> stat.parent;
    return stat;
}

/// The number behind `key:` in a file of /proc.
long field(const std::filesystem::path& path, const std::string& key) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
        if (line.rfind(key + ":", 0) == 0) return std::stol(line.substr(key.size() + 1));
    return 0;
}

void countDescriptors(const std::filesystem::path& folder, Footprint& found) {
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator(folder / "fd", gone)) {
        const std::string target = std::filesystem::read_symlink(entry.path(), gone);
        if (gone) continue;
        // Sockets and pipes have a number behind the colon.
        const bool numbered = target.find(":[") != std::string::npos && target.rfind("anon_inode", 0) != 0;
        ++found.descriptors[numbered ? target.substr(0, target.find(':')) : target];
    }
}

}  // namespace

long Footprint::allDescriptors() const {
    long all = 0;
    for (const auto& [kind, count] : descriptors) all += count;
    return all;
}

std::optional<Footprint> footprintOf(const std::string& process, pid_t pid) {
    const auto folder = folderOf(pid);
    Footprint found{.process = process, .pid = pid};
    found.threads = field(folder / "status", "Threads");
    if (found.threads == 0) return {};
    countDescriptors(folder, found);
    for (const pid_t child : childrenOf(pid)) found.zombies += statOf(folderOf(child)).state == 'Z' ? 1 : 0;
    const auto memory = folder / "smaps_rollup";
    found.anonymousKib = field(memory, "Anonymous");
    found.rssKib = field(memory, "Rss");
    found.pssKib = field(memory, "Pss");
    return found;
}

std::vector<pid_t> childrenOf(pid_t pid) {
    std::vector<pid_t> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        if (statOf(entry.path()).parent == pid) found.push_back(std::stoi(name));
    }
    return found;
}

}  // namespace leader::test
