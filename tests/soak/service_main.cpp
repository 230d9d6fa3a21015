// The command of the soak: answers HTTP requests and lets iperf3 serve beside it, each on a port of the
// leader's address. For as long as it or its child lives it holds the lock of its member; finding that taken
// means two commands of one member, and is noted.
//
//     soak-service FOLDER HTTP-PORT IPERF3-PORT

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

namespace {

constexpr std::size_t kMostRequest = 64UL * 1024;
constexpr std::size_t kBody = 512;

void writeAll(const std::string& path, const std::string& text, int flags) {
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
    if (file < 0 || write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
    close(file);
}

/// The child inherits the descriptor, and with it the lock.
void takeLock(const std::string& folder, const std::string& name) {
    const int file = open((folder + name + ".lock").c_str(), O_RDWR | O_CREAT, 0644);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    if (file < 0) std::abort();
    if (fcntl(file, F_OFD_SETLK, &lock) != 0)
        writeAll(folder + "violations", name + " starts a second command\n", O_APPEND);
    writeAll(folder + name + ".pid", std::to_string(getpid()) + "\n", O_TRUNC);
}

void startIperf3(const char* address, const char* port) {
    if (fork() != 0) return;
    freopen("/dev/null", "w", stdout);
    execlp("iperf3", "iperf3", "-s", "-B", address, "-p", port, static_cast<char*>(nullptr));
    _exit(127);
}

int listenOn(const char* address, int port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    inet_pton(AF_INET, address, &at.sin_addr);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || listen(fd, 1024) != 0) {
        std::perror("soak-service: cannot listen");
        std::exit(1);
    }
    return fd;
}

/// One request after another, each answered when its head is there.
class Server {
  public:
    explicit Server(int listener) : epoll_(epoll_create1(EPOLL_CLOEXEC)), listener_(listener) {
        watch(listener_);
    }

    [[noreturn]] void run() {
        for (;;) {
            std::array<epoll_event, 64> events{};
            const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < n; ++i) {
                const int fd = events[static_cast<std::size_t>(i)].data.fd;
                if (fd == listener_)
                    accept();
                else if (!serve(fd))
                    drop(fd);
            }
        }
    }

  private:
    void watch(int fd) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }

    void accept() {
        const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) watch(fd);
    }

    /// False where the connection is over.
    bool serve(int fd) {
        std::array<char, 4096> buffer{};
        const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
        if (n <= 0) return n < 0 && errno == EAGAIN;
        std::string& request = requests_[fd];
        request.append(buffer.data(), static_cast<std::size_t>(n));
        for (std::size_t end; (end = request.find("\r\n\r\n")) != std::string::npos;) {
            const bool last = request.find("Connection: close") < end;
            request.erase(0, end + 4);
            if (!answer(fd, last) || last) return false;
        }
        return request.size() < kMostRequest;
    }

    static bool answer(int fd, bool last) {
        std::string text = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kBody) + "\r\n";
        if (last) text += "Connection: close\r\n";
        text += "\r\n" + std::string(kBody, 'x');
        return send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
    }

    void drop(int fd) {
        requests_.erase(fd);
        close(fd);
    }

    int epoll_;
    int listener_;
    std::map<int, std::string> requests_;
};

}  // namespace

int main(int argc, char** argv) {
    const char* name = std::getenv("LEADER_NAME");
    const char* address = std::getenv("LEADER_ADDRESS");
    if (argc != 4 || name == nullptr || address == nullptr) {
        std::fputs("usage: soak-service FOLDER HTTP-PORT IPERF3-PORT, as the command of leader run\n",
                   stderr);
        return 2;
    }
    std::signal(SIGCHLD, SIG_IGN);
    takeLock(argv[1], name);
    startIperf3(address, argv[3]);
    Server(listenOn(address, std::atoi(argv[2]))).run();
}
