#include "common/proxy/pipe_pool.h"

#include <fcntl.h>

namespace leader {

Pipe PipePool::take() {
    if (!spare_.empty()) {
        Pipe pipe = std::move(spare_.back());
        spare_.pop_back();
        return pipe;
    }
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) return {};
    fcntl(fds[1], F_SETPIPE_SZ, kPipeBytes);
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

void PipePool::give(Pipe pipe) {
    if (spare_.size() < kMaxSpare) spare_.push_back(std::move(pipe));
}

}  // namespace leader
