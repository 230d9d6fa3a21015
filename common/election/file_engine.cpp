#include "common/election/file_engine.h"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "common/base/log.h"
#include "common/election/snapshot_view.h"
#include "common/metadata/answers_file.h"

namespace leader {
namespace {

using metadata::AnswersFile;

constexpr const char* kFilePrefix = "file:";
// Not what is written to the other files of the directory: each of those events would wake this process.
constexpr std::uint32_t kDirectoryEvents = IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_MOVE_SELF;
constexpr std::uint32_t kFileEvents = IN_CLOSE_WRITE | IN_MODIFY;
// How long a file may look broken before it is called so: an editor that writes in place needs a moment.
constexpr Duration kHalfWritten = std::chrono::milliseconds(200);
// Between two looks at the file where inotify cannot be had.
constexpr Duration kPollInterval = std::chrono::seconds(1);

std::string directoryOf(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

/// Tells whether a file may have changed without reading it.
struct Stamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = -1;
    timespec modified{};

    static Stamp of(const std::string& path) {
        struct stat status {};
        if (stat(path.c_str(), &status) != 0) return {};
        return {status.st_dev, status.st_ino, status.st_size, status.st_mtim};
    }
    bool operator==(const Stamp& other) const {
        return device == other.device && inode == other.inode && size == other.size &&
               modified.tv_sec == other.modified.tv_sec && modified.tv_nsec == other.modified.tv_nsec;
    }
};

class FileEngine : public Engine {
  public:
    FileEngine(const EngineOptions& options, std::string path, const Interrupt& interrupt)
        : options_(options),
          path_(std::move(path)),
          interrupt_(interrupt),
          inotify_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
        if (!inotify_)
            log::warning(Error::fromErrno("inotify is not to be had").message + "; looking at " + path_ +
                         " once a second instead");
    }

    ViewOrError next() override {
        const Duration longest = std::min(options_.heartbeat, options_.deadline - Clock::system().now());
        if (view_ && !failed_ && !waitForChange(longest)) return vouchedFor(*view_);
        auto result = readPatiently();
        failed_ = !result;
        if (result) view_ = *result;
        return result;
    }

    void waitToRetry(Duration longest) override { waitForChange(longest); }

  private:
    ViewOrError readPatiently() {
        const Instant start = Clock::system().now();
        for (;;) {
            auto result = read();
            const Duration left = start + kHalfWritten - Clock::system().now();
            if (result || left <= Duration::zero() || !waitForChange(left)) return result;
        }
    }

    // The watches come first, so that no change between the reading and the waiting is missed.
    ViewOrError read() {
        const Instant asked = Clock::system().now();
        watchFile();
        stamp_ = Stamp::of(path_);
        auto file = AnswersFile::read(path_, metadata::hostAddresses());
        if (!file) return file.error();
        const auto snapshot = metadata::readService(*file, {options_.self, options_.service});
        if (!snapshot) return snapshot.error();
        return viewOf(*snapshot, options_.url, file->revision(), !options_.service.empty(), asked);
    }

    // The directory tells of replaced files, the file itself (behind a symbolic link elsewhere) of edits.
    void watchFile() {
        inotify_add_watch(inotify_.get(), directoryOf(path_).c_str(), kDirectoryEvents);
        const int watch = inotify_add_watch(inotify_.get(), path_.c_str(), kFileEvents);
        if (fileWatch_ >= 0 && fileWatch_ != watch) inotify_rm_watch(inotify_.get(), fileWatch_);
        fileWatch_ = watch;
    }

    bool waitForChange(Duration longest) {
        const Instant end = Clock::system().now() + longest;
        for (;;) {
            if (fileWasWritten() || !(Stamp::of(path_) == stamp_)) return true;
            const Duration left = end - Clock::system().now();
            if (left <= Duration::zero() || interrupt_.raised()) return false;
            waitReadable(inotify_.get(), interrupt_, inotify_ ? left : std::min(left, kPollInterval));
        }
    }

    // Two writes of as many bytes within a tick of the kernel's clock leave one and the same stamp.
    bool fileWasWritten() const {
        bool written = false;
        alignas(inotify_event) std::array<char, 4096> events;
        for (ssize_t n = 0; (n = ::read(inotify_.get(), events.data(), events.size())) > 0;) {
            for (ssize_t at = 0; at < n;) {
                const auto* event = reinterpret_cast<const inotify_event*>(events.data() + at);
                if (event->wd == fileWatch_ || (event->mask & IN_Q_OVERFLOW) != 0) written = true;
                at += static_cast<ssize_t>(sizeof *event + event->len);
            }
        }
        return written;
    }

    EngineOptions options_;
    std::string path_;
    const Interrupt& interrupt_;
    UniqueFd inotify_;
    int fileWatch_ = -1;
    Stamp stamp_;
    std::shared_ptr<const View> view_;
    bool failed_ = false;
};

}  // namespace

Result<std::unique_ptr<Engine>> makeFileEngine(const EngineOptions& options, const Interrupt& interrupt) {
    std::string path = options.url.substr(std::string(kFilePrefix).size());
    if (path.rfind("///", 0) == 0) path.erase(0, 2);
    if (path.empty() || path.back() == '/' || path.rfind("//", 0) == 0)
        return Error{"'" + options.url + "' is not file:PATH"};
    return std::unique_ptr<Engine>(std::make_unique<FileEngine>(options, path, interrupt));
}

}  // namespace leader
