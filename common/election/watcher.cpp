#include "common/election/watcher.h"

#include "common/base/log.h"
#include "common/election/backoff.h"

namespace leader {
namespace {

std::string secondsSince(Instant start) {
    return std::to_string(
               std::chrono::duration_cast<std::chrono::seconds>(Clock::system().now() - start).count()) +
           "s";
}

}  // namespace

Watcher::Watcher(std::unique_ptr<Engine> engine, Interrupt& interrupt, bool healthyOnly, Post post)
    : engine_(std::move(engine)),
      interrupt_(interrupt),
      healthyOnly_(healthyOnly),
      post_(std::move(post)),
      thread_([this] { live(); }) {
}

Watcher::~Watcher() {
    interrupt_.raise();
    thread_.join();
}

bool Watcher::leave(Duration longest) {
    leaves_ = true;
    interrupt_.raise();
    return ended_.wait(longest);
}

void Watcher::live() {
    watch();
    if (leaves_) engine_->leave();
    ended_.raise();
}

void Watcher::watch() {
    Backoff backoff;
    while (!interrupt_.raised()) {
        const auto answer = engine_->next();
        if (interrupt_.raised()) return;
        report(answer);
        if (answer) {
            backoff.reset();
            interrupt_.wait(kLeastInterval);
        } else {
            engine_->waitToRetry(backoff.next());
        }
    }
}

void Watcher::report(const Engine::ViewOrError& answer) {
    if (!answer) {
        if (!last_.failure) {
            failingSince_ = Clock::system().now();
            log::warning("cannot tell who leads, trying again: " + answer.error().message);
        }
        last_.failure = answer.error();
    } else {
        if (last_.failure) log::info("can tell who leads again, after " + secondsSince(failingSince_));
        last_ = {*answer, elect(**answer, healthyOnly_), {}};
    }
    post_(std::make_shared<Observation>(last_));
}

}  // namespace leader
