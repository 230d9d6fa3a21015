#include "common/status/report_desk.h"

namespace leader::status {

ReportDesk::ReportDesk(EventLoop& loop, std::function<Report()> make)
    : make_(std::move(make)), bell_(loop, [this] { answer(); }) {
}

std::shared_ptr<const Report> ReportDesk::ask(Duration patience) {
    std::unique_lock lock(mutex_);
    const std::uint64_t ticket = ++asked_;
    bell_.ring();
    if (!answered_.wait_for(lock, patience, [&] { return answeredUpTo_ >= ticket; })) return nullptr;
    return newest_;
}

void ReportDesk::answer() {
    std::uint64_t upTo = 0;
    {
        const std::lock_guard lock(mutex_);
        upTo = asked_;
    }
    auto report = std::make_shared<const Report>(make_());
    const std::lock_guard lock(mutex_);
    newest_ = std::move(report);
    answeredUpTo_ = upTo;
    answered_.notify_all();
}

}  // namespace leader::status
