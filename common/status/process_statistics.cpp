#include "common/status/process_statistics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

namespace leader::status {
namespace {

void readMemory(ProcessStatistics& statistics) {
    std::ifstream file("/proc/self/statm");
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    if (!(file >> size >> resident)) return;
    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    statistics.virtualBytes = size * page;
    statistics.residentBytes = resident * page;
}

void readDescriptors(ProcessStatistics& statistics) {
    std::error_code error;
    std::uint64_t count = 0;
    for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
         entry.increment(error))
        ++count;
    // One of them reads the directory.
    if (count > 0) statistics.openDescriptors = count - 1;
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        statistics.mostDescriptors = limit.rlim_cur;
}

/// When the machine was started, in seconds since the epoch.
std::optional<double> bootTime() {
    std::ifstream file("/proc/stat");
    for (std::string word; file >> word; file.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
        double seconds = 0;
        if (word == "btime" && file >> seconds) return seconds;
    }
    return {};
}

// The name of the process stands in parentheses and may hold anything; what follows is fields 3 and on.
void readTimes(ProcessStatistics& statistics) {
    std::ifstream file("/proc/self/stat");
    std::string line;
    std::getline(file, line);
    const std::size_t name = line.rfind(')');
    if (name == std::string::npos) return;
    std::istringstream fields(line.substr(name + 1));
    constexpr int kUserTime = 14;
    constexpr int kSystemTime = 15;
    constexpr int kStartTime = 22;
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    double cpu = 0;
    std::string field;
    for (int number = 3; fields >> field; ++number) {
        if (number == kUserTime || number == kSystemTime) cpu += std::stod(field);
        if (number == kSystemTime) statistics.cpuSeconds = cpu / ticks;
        const auto boot = number == kStartTime ? bootTime() : std::nullopt;
        if (boot) statistics.startTime = *boot + std::stod(field) / ticks;
    }
}

}  // namespace

ProcessStatistics processStatistics() {
    ProcessStatistics statistics;
    readMemory(statistics);
    readDescriptors(statistics);
    readTimes(statistics);
    return statistics;
}

}  // namespace leader::status
