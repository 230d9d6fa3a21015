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
/// For a guard that was prepared to wake up; one that needs longer is replaced by another.
constexpr Duration kAnswerTimeout = std::chrono::seconds(2);
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

bool Guard::preparedFor(const std::set<pid_t>& strangers) const {
    return pid_ > 0 && !used_ && strangers_ == strangers;
}

std::optional<Error> Guard::prepare(const std::set<pid_t>& strangers) {
    if (preparedFor(strangers)) return {};
    stop();
    return spawn(strangers);
}

std::optional<Error> Guard::start(Instant deadline, const std::set<pid_t>& strangers, pid_t command) {
    if (preparedFor(strangers) && !arm(deadline, command)) return {};
    stop();
    if (auto error = spawn(strangers)) return error;
    auto error = arm(deadline, command);
    if (error) stop();
    return error;
}

// The deadline first: who reads the message finds it. One that was prepared long ago may not wake up any
// more, and waiting for it to answer would take as long as it takes to wake up: the command starts meanwhile.
std::optional<Error> Guard::arm(Instant deadline, pid_t command) {
    if (!awaitReady())
        return Error{"the guard process did not get ready within " + std::to_string(kReadyTimeoutMs / 1000) +
                     "s"};
    used_ = true;
    heard_ = false;
    deadline_->store(guard::nanosecondsOf(deadline));
    const guard::Message message{command};
    if (send(socket_.get(), &message, sizeof message, MSG_NOSIGNAL) < 0)
        return Error::fromErrno("the guard process cannot be told of the command");
    answerTimer_ = loop_.callAfter(kAnswerTimeout, [this] {
        answerTimer_ = EventLoop::kNoTimer;
        if (hear() && !heard_) lose();
    });
    return {};
}

std::optional<Error> Guard::makePage() {
    if (deadline_ != nullptr) return {};
    void* page = mmap(nullptr, sizeof *deadline_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return Error::fromErrno("no memory for the guard's deadline");
    deadline_ = new (page) guard::Deadline;
    return {};
}

// Not fork(2): a child whose end raises no signal is seen by nobody who waits for children but by who asks
// for this kind, so it can be mistaken neither for the command nor for something that the command left
// behind.
std::optional<Error> Guard::spawn(const std::set<pid_t>& strangers) {
    if (auto error = makePage()) return error;
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
        return Error::fromErrno("no socket for the guard process");
    socket_.reset(ends[0]);
    const UniqueFd others(ends[1]);
    strangers_ = strangers;
    used_ = heard_ = false;
    deadline_->store(guard::kIdle);
    guard::Orders orders{deadline_, others.get(), getpid(), &strangers_};
    // Copied with all else, and unused on this side.
    alignas(16) static std::array<char, kStackSize> stack;
    {
        const AllSignalsBlocked blocked;
        pid_ = clone(liveOn, stack.data() + stack.size(), 0, &orders);
    }
    std::optional<Error> error;
    if (pid_ < 0)
        error = Error::fromErrno("the guard process cannot be started");
    else
        error = loop_.watch(socket_.get(), EPOLLIN | EPOLLRDHUP, *this);
    started_ = loop_.now();
    if (error) stop();
    return error;
}

bool Guard::awaitReady() {
    pollfd waiting{socket_.get(), POLLIN, 0};
    guard::Message ready{};
    heard_ = heard_ ||
             (poll(&waiting, 1, kReadyTimeoutMs) == 1 &&
              recv(socket_.get(), &ready, sizeof ready, MSG_DONTWAIT) == static_cast<ssize_t>(sizeof ready));
    return heard_;
}

void Guard::release() {
    if (!running()) return;
    loop_.cancel(answerTimer_);
    deadline_->store(guard::kIdle);
}

// Before its socket is closed, whose end it would take for that of this process.
void Guard::stop() {
    loop_.cancel(answerTimer_);
    if (pid_ > 0) {
        loop_.unwatch(socket_.get(), *this);
        kill(pid_, SIGKILL);
        while (waitpid(pid_, nullptr, __WCLONE) < 0 && errno == EINTR) {
        }
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
    hear();
}

// False: it has ended.
bool Guard::hear() {
    guard::Message message{};
    for (;;) {
        const ssize_t size = recv(socket_.get(), &message, sizeof message, MSG_DONTWAIT);
        if (size == static_cast<ssize_t>(sizeof message)) {
            heard_ = true;
            loop_.cancel(answerTimer_);
        } else if (size < 0 && errno == EAGAIN) {
            return true;
        } else if (size >= 0 || errno != EINTR) {
            lose();
            return false;
        }
    }
}

void Guard::lose() {
    stop();
    onLost_();
}

}  // namespace leader
