#include "common/proxy/listener.h"

#include <sys/socket.h>

#include <cerrno>

#include "common/base/log.h"
#include "common/proxy/sockets.h"

namespace leader {

std::optional<Error> Listener::open(const std::optional<Poco::Net::IPAddress>& bind, std::uint16_t port) {
    auto socket = sockets::listen(bind, port);
    if (!socket) return socket.error();
    close();
    socket_ = std::move(*socket);
    port_ = port != 0 ? port : sockets::localPort(socket_.get());
    auto error = loop_.watch(socket_.get(), EPOLLIN, *this);
    if (error)
        socket_.reset();
    else
        watching_ = true;
    return error;
}

void Listener::release() {
    while (socket_ && user_.hasRoom() && acceptOne() == Accepted::kTaken) continue;
    close();
}

void Listener::resume() {
    loop_.cancel(std::exchange(pauseTimer_, EventLoop::kNoTimer));
    if (!socket_ || watching_) return;
    if (loop_.watch(socket_.get(), EPOLLIN, *this))
        pause();
    else
        watching_ = true;
}

void Listener::onEvents(std::uint32_t) {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
        if (!user_.hasRoom()) return stop();
        switch (acceptOne()) {
            case Accepted::kTaken:
                break;
            case Accepted::kEmpty:
                exhausted_ = false;
                return;
            case Accepted::kNoResources:
                return pause();
        }
    }
}

Listener::Accepted Listener::acceptOne() {
    UniqueFd client(accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client) {
        user_.onClient(std::move(client));
        return Accepted::kTaken;
    }
    switch (errno) {
        case EAGAIN:
            return Accepted::kEmpty;
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM: {
            const Error error =
                Error::fromErrno("accepting no clients on port " + std::to_string(port_) + " for now");
            if (!std::exchange(exhausted_, true)) log::warning(error.message);
            return Accepted::kNoResources;
        }
        default:  // that client has gone already: accept(2), "Error handling"
            return Accepted::kTaken;
    }
}

void Listener::stop() {
    if (std::exchange(watching_, false)) loop_.unwatch(socket_.get(), *this);
}

void Listener::pause() {
    stop();
    pauseTimer_ = loop_.callAfter(kPause, [this] {
        pauseTimer_ = EventLoop::kNoTimer;
        resume();
    });
}

void Listener::close() {
    loop_.cancel(std::exchange(pauseTimer_, EventLoop::kNoTimer));
    stop();
    socket_.reset();
}

}  // namespace leader
