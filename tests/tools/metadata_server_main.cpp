// Serves an answers file as Rancher's metadata server would, for trying things by hand and for benchmarks.
// SIGHUP reads the file again; TERM and INT end it.

#include <Poco/Exception.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "tests/support/environment.h"
#include "tests/support/metadata_server.h"

namespace {

constexpr const char* kUsage =
    "usage: metadata-server [--address IP] [--port N] [--seen-as IP] ANSWERS\n"
    "  --address IP  where to listen (default 127.0.0.1)\n"
    "  --port N      default 0: any free one; the first line printed is the URL\n"
    "  --seen-as IP  take every client for this address instead of its own\n";

struct Arguments {
    leader::test::MetadataServer::Options options;
    std::string file;
};

bool parse(int argc, char** argv, Arguments& arguments) {
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word.rfind("--", 0) != 0) {
            arguments.file = word;
            continue;
        }
        if (++i == argc) return false;
        const std::string value = argv[i];
        if (word == "--address") {
            arguments.options.address = value;
        } else if (word == "--port") {
            arguments.options.port = static_cast<std::uint16_t>(std::stoi(value));
        } else if (word == "--seen-as") {
            arguments.options.seenAs = value;
        } else {
            return false;
        }
    }
    return !arguments.file.empty();
}

void serve(const Arguments& arguments, const sigset_t& signals) {
    leader::test::MetadataServer server(leader::test::loadAnswers(arguments.file), arguments.options);
    std::printf("%s\n", server.url().c_str());
    std::fflush(stdout);
    int signal = 0;
    while (sigwait(&signals, &signal) == 0 && signal == SIGHUP) {
        try {
            server.reload(leader::test::loadAnswers(arguments.file));
        } catch (const Poco::Exception& error) {
            std::fprintf(stderr, "metadata-server: %s: %s\n", arguments.file.c_str(),
                         error.displayText().c_str());
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    // Before any thread exists, so that all of them leave these signals to sigwait().
    sigset_t signals;
    sigemptyset(&signals);
    for (const int each : {SIGHUP, SIGTERM, SIGINT}) sigaddset(&signals, each);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    try {
        Arguments arguments;
        if (!parse(argc, argv, arguments)) {
            std::fputs(kUsage, stderr);
            return 2;
        }
        serve(arguments, signals);
    } catch (const Poco::Exception& error) {
        std::fprintf(stderr, "metadata-server: %s\n", error.displayText().c_str());
        return 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "metadata-server: %s\n", error.what());
        return 1;
    }
    return 0;
}
