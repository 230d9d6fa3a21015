// A client that asks at a fixed rate and times each answer from when the question was due, so that a server
// that falls behind is not asked less often for it: fixed-rate PORT REQUESTS-A-SECOND CONNECTIONS SECONDS.
// Prints the 50th and the 99th percentile in microseconds and how many answers there were.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";

struct Connection {
    int fd = -1;
    std::deque<Clock::time_point> due;  // of the questions that are not answered yet
};

int connectTo(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        std::perror("fixed-rate: connect");
        std::exit(1);
    }
    return fd;
}

// Each answer ends in "ok\n", which is nowhere else in it.
void takeAnswers(Connection& connection, std::vector<double>& latencies) {
    char buffer[65536];
    const ssize_t n = recv(connection.fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        std::fputs("fixed-rate: connection lost\n", stderr);
        std::exit(1);
    }
    if (n < 0) return;
    const auto now = Clock::now();
    const std::string_view bytes(buffer, static_cast<std::size_t>(n));
    for (std::size_t at = 0; (at = bytes.find("ok\n", at)) != std::string_view::npos; at += 3) {
        if (connection.due.empty()) continue;
        latencies.push_back(std::chrono::duration<double, std::micro>(now - connection.due.front()).count());
        connection.due.pop_front();
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::fputs("usage: fixed-rate PORT REQUESTS-A-SECOND CONNECTIONS SECONDS\n", stderr);
        return 2;
    }
    const double rate = std::atof(argv[2]);
    std::vector<Connection> connections(static_cast<std::size_t>(std::atoi(argv[3])));
    const int epoll = epoll_create1(0);
    for (std::size_t i = 0; i < connections.size(); ++i) {
        connections[i].fd = connectTo(std::atoi(argv[1]));
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = i;
        epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event);
    }
    const auto total = static_cast<std::size_t>(rate * std::atof(argv[4]));
    const auto start = Clock::now();
    std::vector<double> latencies;
    latencies.reserve(total);
    for (std::size_t asked = 0; latencies.size() < total && Clock::now() < start + std::chrono::minutes(1);) {
        while (asked < total) {
            const auto due = start + std::chrono::nanoseconds(static_cast<long long>(1e9 * asked / rate));
            if (due > Clock::now()) break;
            Connection& connection = connections[asked++ % connections.size()];
            connection.due.push_back(due);
            if (send(connection.fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) return 1;
        }
        epoll_event events[64];
        const int n = epoll_wait(epoll, events, 64, 1);
        for (int i = 0; i < n; ++i) takeAnswers(connections[events[i].data.u64], latencies);
    }
    std::sort(latencies.begin(), latencies.end());
    if (latencies.size() < total) std::fputs("fixed-rate: answers are missing\n", stderr);
    std::printf("%.0f %.0f %zu\n", latencies[latencies.size() / 2], latencies[latencies.size() * 99 / 100],
                latencies.size());
    return latencies.size() < total ? 1 : 0;
}
