#include "tests/support/tls_front.h"

#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "tests/support/tcp.h"

namespace leader::test {

/// One client with its connection to the server behind, on a thread of its own.
class TlsFront::Connection {
  public:
    Connection(TlsFront& front, UniqueFd client) : front_(front), client_(std::move(client)) {
        context_ = SSL_CTX_new(TLS_server_method());
        const Options& options = front.options_;
        if (SSL_CTX_use_certificate_chain_file(context_, options.certificate.file.c_str()) != 1 ||
            SSL_CTX_use_PrivateKey_file(context_, options.certificate.key.c_str(), SSL_FILETYPE_PEM) != 1)
            throw std::runtime_error("no certificate in " + options.certificate.file);
        if (!options.clientAuthority.empty()) {
            SSL_CTX_load_verify_file(context_, options.clientAuthority.c_str());
            SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        }
        if (options.newestVersion != 0) {
            SSL_CTX_set_security_level(context_, 0);
            SSL_CTX_set_min_proto_version(context_, 0);
            SSL_CTX_set_max_proto_version(context_, options.newestVersion);
        }
        ssl_ = SSL_new(context_);
        in_ = BIO_new(BIO_s_mem());
        out_ = BIO_new(BIO_s_mem());
        SSL_set_bio(ssl_, in_, out_);
        SSL_set_accept_state(ssl_);
    }
    ~Connection() {
        SSL_free(ssl_);
        SSL_CTX_free(context_);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void run() {
        backend_ = connectTo("127.0.0.1", front_.backend_);
        std::array<pollfd, 3> waiting{pollfd{client_.get(), POLLIN, 0}, pollfd{front_.stop_.get(), POLLIN, 0},
                                      pollfd{backend_.get(), POLLIN, 0}};
        while (poll(waiting.data(), waiting.size(), -1) > 0 && waiting[1].revents == 0) {
            if (waiting[0].revents != 0 && !fromClient()) return;
            if (waiting[0].fd >= 0 && received_ >= front_.options_.deafAfter) {
                waiting[0].fd = -1;
                ++front_.deaf_;
            }
            if (waiting[2].revents != 0 && !fromBackend()) return;
        }
    }

  private:
    bool fromClient() {
        const ssize_t count = recv(client_.get(), buffer_.data(), buffer_.size(), 0);
        if (count <= 0) return false;
        received_ += static_cast<std::size_t>(count);
        BIO_write(in_, buffer_.data(), static_cast<int>(count));
        for (;;) {
            const int plain = SSL_read(ssl_, buffer_.data(), static_cast<int>(buffer_.size()));
            const int error = SSL_get_error(ssl_, plain);
            noteName();
            flush();
            if (plain <= 0) return error == SSL_ERROR_WANT_READ;
            if (!sendAll(backend_, {buffer_.data(), static_cast<std::size_t>(plain)})) return false;
        }
    }

    bool fromBackend() {
        const ssize_t count = recv(backend_.get(), buffer_.data(), buffer_.size(), 0);
        if (count <= 0) {
            if (!front_.options_.abrupt) SSL_shutdown(ssl_);
            flush();
            return false;
        }
        SSL_write(ssl_, buffer_.data(), static_cast<int>(count));
        flush();
        return true;
    }

    void flush() {
        std::array<char, 16384> bytes{};
        for (int count = 0; (count = BIO_read(out_, bytes.data(), bytes.size())) > 0;) {
            const auto allowed =
                std::min(static_cast<std::size_t>(count), front_.options_.stallAfter - sent_);
            send(client_.get(), bytes.data(), allowed, MSG_NOSIGNAL);
            sent_ += allowed;
            front_.sent_ += allowed;
        }
    }

    void noteName() {
        const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
        const std::lock_guard lock(front_.mutex_);
        front_.askedFor_ = name == nullptr ? "" : name;
    }

    TlsFront& front_;
    UniqueFd client_;
    UniqueFd backend_;
    SSL_CTX* context_ = nullptr;
    SSL* ssl_ = nullptr;
    BIO* in_ = nullptr;
    BIO* out_ = nullptr;
    std::size_t sent_ = 0;
    std::size_t received_ = 0;
    std::array<char, 16384> buffer_{};
};

TlsFront::TlsFront(std::uint16_t backend, Options options)
    : backend_(backend),
      options_(std::move(options)),
      listener_(listenOn("127.0.0.1")),
      stop_(eventfd(0, EFD_CLOEXEC)),
      port_(portOf(listener_.get())),
      acceptor_([this] { acceptAll(); }) {
}

TlsFront::~TlsFront() {
    eventfd_write(stop_.get(), 1);
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
}

std::string TlsFront::askedFor() const {
    const std::lock_guard lock(mutex_);
    return askedFor_;
}

void TlsFront::acceptAll() {
    std::array<pollfd, 2> waiting{pollfd{listener_.get(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
    while (poll(waiting.data(), waiting.size(), -1) > 0 && waiting[1].revents == 0) {
        UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!client) continue;
        ++connections_;
        threads_.emplace_back(
            [this, client = std::move(client)]() mutable { Connection(*this, std::move(client)).run(); });
    }
}

}  // namespace leader::test
