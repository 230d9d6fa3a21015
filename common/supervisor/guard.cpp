#include "common/supervisor/guard.h"

#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <new>

#include "common/base/signals_blocked.h"

namespace leader {
namespace {

/// For a guard to be ready; a machine that needs longer is in no state to start anything.
constexpr int kReadyTimeoutMs = 5000;
constexpr std::size_t kStackSize = 65536;

int liveOn(void* orders) {
    guard::live(*static_cast<guard::Orders*>(orders));
}

}  // namespace

Guard::Guard(EventLoop& loop, std::function<void()> onLost) : loop_(loop), onLost_(std::move(onLost)) {
}

Guard::~Guard() {
    stop();
    if (deadline_ != nullptr) munmap(deadline_, sizeof *deadline_);
}

std::optional<Error> Guard::start(Instant deadline, const std::set<pid_t>& strangers, pid_t command) {
    if (deadline_ == nullptr) {
        void* page =
            mmap(nullptr, sizeof *deadline_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) return Error::fromErrno("no memory for the guard's deadline");
        deadline_ = new (page) guard::Deadline;
    }
    deadline_->store(guard::nanosecondsOf(deadline));
    if (auto error = spawn(strangers)) return error;
    started_ = loop_.now();
    const guard::Message message{command};
    std::optional<Error> error;
    if (!awaitReady())
        error = Error{"the guard process does not begin its work"};
    else if (command > 0 && send(socket_.get(), &message, sizeof message, MSG_NOSIGNAL) < 0)
        error = Error::fromErrno("the guard process cannot be told of the command");
    else
        error = loop_.watch(socket_.get(), EPOLLRDHUP, *this);
    if (error) forget();
    return error;
}

// Not fork(2): a child whose end raises no signal is seen by nobody who waits for children but by who asks
// for this kind, so it can be mistaken neither for the command nor for something that the command left
// behind.
std::optional<Error> Guard::spawn(const std::set<pid_t>& strangers) {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
        return Error::fromErrno("no socket for the guard process");
    socket_.reset(ends[0]);
    const UniqueFd others(ends[1]);
    guard::Orders orders{deadline_, others.get(), getpid(), &strangers};
    // Copied with all else, and unused on this side.
    alignas(16) static std::array<char, kStackSize> stack;
    const AllSignalsBlocked blocked;
    pid_ = clone(liveOn, stack.data() + stack.size(), 0, &orders);
    if (pid_ >= 0) return {};
    socket_.reset();
    return Error::fromErrno("the guard process cannot be started");
}

bool Guard::awaitReady() const {
    pollfd waiting{socket_.get(), POLLIN, 0};
    guard::Message ready{};
    return poll(&waiting, 1, kReadyTimeoutMs) == 1 &&
           recv(socket_.get(), &ready, sizeof ready, MSG_DONTWAIT) == static_cast<ssize_t>(sizeof ready);
}

void Guard::stop() {
    if (!running()) return;
    loop_.unwatch(socket_.get(), *this);
    forget();
}

// Before its socket is closed, whose end it would take for that of this process.
void Guard::forget() {
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, __WCLONE) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    socket_.reset();
}

bool Guard::setDeadline(Instant deadline) {
    const std::int64_t wanted = guard::nanosecondsOf(deadline);
    std::int64_t current = deadline_->load();
    do {
        if (current == guard::kFired) return false;
        if (current == wanted) return true;
    } while (!deadline_->compare_exchange_weak(current, wanted));
    // It sleeps until the deadline that it saw last.
    const guard::Message look{0};
    if (wanted < current) send(socket_.get(), &look, sizeof look, MSG_NOSIGNAL | MSG_DONTWAIT);
    return true;
}

void Guard::onEvents(std::uint32_t) {
    stop();
    onLost_();
}

}  // namespace leader
