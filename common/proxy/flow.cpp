#include "common/proxy/flow.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace leader {
namespace {

constexpr unsigned kSpliceFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

// Signed results of system calls: more, try later, or an error.
bool wouldBlock(ssize_t result) {
    return result < 0 && errno == EAGAIN;
}
bool interrupted(ssize_t result) {
    return result < 0 && errno == EINTR;
}

}  // namespace

void Flow::sourceEvents(std::uint32_t events) {
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLHUP | EPOLLERR)) == 0) return;
    readable_ = true;
    if ((events & EPOLLRDHUP) != 0) ending_ = true;
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) untilError_ = true;
    // Reads stop at TCP's urgent mark, and splice(2) never gets past it.
    if ((events & EPOLLPRI) != 0) urgent_ = untilError_ = true;
}

void Flow::sinkEvents(std::uint32_t events) {
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) writable_ = true;
}

void Flow::prepend(std::string_view bytes) {
    keep(bytes);
}

Flow::Status Flow::pump(int source, int sink, FlowTools& tools, std::uint64_t& carried) {
    if (ended_) return Status::kEnded;
    const Status status = carry(source, sink, tools, carried);
    if (pipe_ && pending_ == 0) tools.pipes.give(std::move(pipe_));
    return status;
}

Flow::Status Flow::carry(int source, int sink, FlowTools& tools, std::uint64_t& carried) {
    const std::uint64_t before = carried;
    for (;;) {
        Step step = flush(sink, carried);
        if (step == Step::kOn) {
            if (atEnd_) {
                ended_ = true;
                return Status::kEnded;
            }
            if (!readable_ || !writable_) return Status::kBlocked;
            if (carried - before >= kBytesPerTurn) return Status::kYielded;
            if (bulk_ && !pipe_) {
                pipe_ = tools.pipes.take();
                bulk_ = static_cast<bool>(pipe_);
            }
            step = bulk_ ? fillPipe(source) : copy(source, sink, tools, carried);
        }
        if (step == Step::kEnd) atEnd_ = true;
        if (step == Step::kBreak) return Status::kBroken;
        if (step == Step::kWait) {
            // A wake-up that brought this little is cheaper copied: two system calls, not three.
            if (carried - before < FlowTools::kCopyBytes) bulk_ = false;
            return Status::kBlocked;
        }
    }
}

Flow::Step Flow::flush(int sink, std::uint64_t& carried) {
    while (pending_ > 0) {
        if (!writable_) return Step::kWait;
        const ssize_t n = chunk_
                              ? send(sink, chunk_.get() + chunkOffset_, pending_, MSG_NOSIGNAL)
                              : splice(pipe_.readEnd.get(), nullptr, sink, nullptr, pending_, kSpliceFlags);
        if (n > 0) {
            pending_ -= static_cast<std::uint32_t>(n);
            chunkOffset_ += static_cast<std::uint32_t>(n);
            carried += static_cast<std::uint64_t>(n);
        } else if (wouldBlock(n)) {
            writable_ = false;
        } else if (!interrupted(n)) {
            return Step::kBreak;
        }
    }
    chunk_.reset();
    return Step::kOn;
}

// The pipe is empty here: were it full, EAGAIN could as well mean that, and the source not be empty at all.
Flow::Step Flow::fillPipe(int source) {
    const ssize_t n =
        splice(source, nullptr, pipe_.writeEnd.get(), nullptr, PipePool::kPipeBytes, kSpliceFlags);
    if (n == 0) {
        // The end, or an urgent byte with a FIN behind it, before which splice(2) stops: recv(2) tells.
        bulk_ = false;
        return Step::kOn;
    }
    if (n > 0) {
        pending_ = static_cast<std::uint32_t>(n);
    } else if (wouldBlock(n)) {
        if (urgent_) {
            bulk_ = false;
            return Step::kOn;
        }
        readable_ = false;
        return Step::kWait;
    } else if (!interrupted(n)) {
        return Step::kBreak;
    }
    return Step::kOn;
}

Flow::Step Flow::copy(int source, int sink, FlowTools& tools, std::uint64_t& carried) {
    const ssize_t n = recv(source, tools.scratch.data(), tools.scratch.size(), 0);
    if (n == 0) return Step::kEnd;
    if (interrupted(n)) return Step::kOn;
    if (n < 0) {
        readable_ = false;
        return wouldBlock(n) ? Step::kWait : Step::kBreak;
    }
    const auto size = static_cast<std::size_t>(n);
    // A short read empties the source (epoll(7)), which saves the read that would only fail. Nothing but the
    // end can follow it once that has been announced.
    const bool emptied = size < tools.scratch.size() && !untilError_;
    if (emptied) readable_ = false;
    if (size == tools.scratch.size()) bulk_ = !urgent_;

    // Held back for the FIN that is about to follow, the last bytes share its segment: of 74 us of CPU a
    // short connection this saves 5.
    const bool isLast = emptied && ending_;
    const ssize_t sent = send(sink, tools.scratch.data(), size, MSG_NOSIGNAL | (isLast ? MSG_MORE : 0));
    if (sent < 0 && !wouldBlock(sent) && !interrupted(sent)) return Step::kBreak;
    const std::size_t out = sent > 0 ? static_cast<std::size_t>(sent) : 0;
    carried += out;
    if (out < size) keep({tools.scratch.data() + out, size - out});
    atEnd_ = isLast;
    return Step::kOn;
}

void Flow::keep(std::string_view bytes) {
    chunk_ = std::make_unique<char[]>(bytes.size());
    std::memcpy(chunk_.get(), bytes.data(), bytes.size());
    chunkOffset_ = 0;
    pending_ = static_cast<std::uint32_t>(bytes.size());
}

}  // namespace leader
