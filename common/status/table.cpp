#include "common/status/table.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "common/base/printable.h"
#include "common/cli/duration.h"
#include "common/status/columns.h"

namespace leader::status {
namespace {

constexpr const char* kStrong = "\033[1m";
constexpr const char* kGood = "\033[1;32m";
constexpr const char* kBad = "\033[1;31m";
constexpr const char* kFaint = "\033[2m";
constexpr const char* kPlain = "\033[0m";

constexpr char kLeaderMark = '*';
constexpr char kSelfMark = '>';
constexpr std::size_t kMarksWidth = 3;
constexpr std::size_t kLabelWidth = 9;
constexpr std::size_t kGap = 2;

/// A column of the table of candidates, and how far it may be shortened.
struct Column {
    const char* title;
    std::size_t least;
    std::size_t width = 0;
    bool hidden = false;
};
constexpr std::size_t kColumns = 6;
enum ColumnIndex { kIndex, kName, kAddress, kState, kHealth, kWhy };
using Cells = std::array<std::string, kColumns>;
/// What a terminal that is too narrow for all of them can do without, the first one first.
constexpr std::array kDispensable = {kAddress, kHealth, kState};

std::string orDash(const std::string& text) {
    return text.empty() ? "-" : printable(text);
}

Cells cellsOf(const Standing& standing) {
    const Candidate& candidate = standing.candidate;
    return {candidate.createIndex ? std::to_string(*candidate.createIndex) : "-",
            orDash(candidate.name),
            orDash(candidate.address),
            orDash(candidate.state),
            orDash(candidate.health),
            orDash(standing.reason)};
}

class Table {
  public:
    Table(const Report& report, const TableStyle& style) : report_(report), style_(style) {}

    std::string text() {
        const View* view = report_.view();
        line("group", ' ', view != nullptr ? printable(view->group) : "not known");
        line("engine", ' ', engine());
        const std::string why = report_.reason.empty() ? "" : ": " + printable(report_.reason);
        line("role", ' ', nameOf(report_.role) + why, report_.role == Role::kUnknown ? kBad : "");
        if (report_.failure() != nullptr && report_.failure()->message != report_.reason)
            line("error", ' ', printable(report_.failure()->message), kBad);
        line("self", kSelfMark, whoIs(report_.self(), noSelf()));
        line("leader", kLeaderMark, whoIs(report_.leader(), noLeader()), kGood);
        if (report_.lease() != nullptr) line("lease", ' ', lease());
        if (!report_.standings().empty()) candidates();
        return text_;
    }

  private:
    std::string engine() const {
        std::string text = printable(report_.engine);
        const View* view = report_.view();
        if (view == nullptr) return text;
        if (!view->revision.empty()) text += ", revision " + printable(view->revision);
        const auto age = std::chrono::duration_cast<std::chrono::seconds>(*report_.age());
        return text + ", seen " + cli::formatDuration(age) + " ago";
    }

    std::string noSelf() const {
        const View* view = report_.view();
        const bool isNone = view != nullptr && view->onlooker && !view->selfUuid.empty();
        return isNone ? "none of the candidates" : "not known";
    }
    std::string noLeader() const { return report_.outdated ? "not known" : "nobody: no candidate counts"; }

    static std::string inWholeSeconds(Duration duration) {
        return cli::formatDuration(std::chrono::duration_cast<std::chrono::seconds>(duration));
    }

    std::string lease() const {
        const LeaseRecordView& lease = *report_.lease();
        std::string text = lease.holder.empty() ? "free" : "held by " + printable(lease.holder);
        text += ", " + std::to_string(lease.transitions) + " transitions";
        const auto ago = report_.renewedAgo();
        if (!ago) return text + ", renewed at no time that is known";
        const bool ahead = *ago < Duration::zero();
        text += (lease.holder.empty() ? ", written " : ", renewed ") + inWholeSeconds(ahead ? -*ago : *ago) +
                (ahead ? " in the future" : " ago");
        if (const auto left = report_.expiresIn())
            text += *left > Duration::zero() ? ", expires in " + inWholeSeconds(*left)
                                             : ", expired " + inWholeSeconds(-*left) + " ago";
        return text + " (by the holder's clock)";
    }

    static std::string whoIs(const Standing* standing, const std::string& nobody) {
        if (standing == nullptr) return nobody;
        const Candidate& candidate = standing->candidate;
        std::string text = printable(candidate.name);
        if (!candidate.address.empty()) text += ", " + printable(candidate.address);
        if (candidate.createIndex) text += ", create index " + std::to_string(*candidate.createIndex);
        return text;
    }

    // Broken between words; a word that is too long for a line is left whole, so that it can be copied.
    void line(std::string label, char mark, const std::string& text, const char* color = "") {
        label.resize(kLabelWidth - 2, ' ');
        std::string current = label + mark;
        bool empty = true;
        std::istringstream words(text);
        for (std::string word; words >> word; empty = false) {
            const bool full = columnsOf(current) + 1 + columnsOf(word) > style_.width;
            if (style_.width > 0 && full && !empty) {
                add(current, color);
                current = std::string(kLabelWidth - 1, ' ');
            }
            current += ' ' + word;
        }
        add(current, color);
    }

    void add(const std::string& line, const std::string& color) {
        const bool colored = style_.color && !color.empty();
        const std::size_t end = line.find_last_not_of(' ') + 1;
        text_ += (colored ? color : "") + line.substr(0, end) + (colored ? kPlain : "") + "\n";
    }

    void candidates() {
        std::vector<Cells> rows;
        rows.reserve(report_.standings().size());
        for (const Standing& standing : report_.standings()) rows.push_back(cellsOf(standing));
        fit(rows);
        text_ += "\n";
        Cells titles;
        for (std::size_t i = 0; i < kColumns; ++i) titles[i] = columns_[i].title;
        row("  ", titles, kStrong);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const Standing& standing = report_.standings()[i];
            const bool leads = &standing == report_.leader();
            const std::string marks = {leads ? kLeaderMark : ' ',
                                       &standing == report_.self() ? kSelfMark : ' '};
            row(marks, rows[i], leads ? kGood : standing.eligible ? "" : kFaint);
        }
    }

    // The widest column gives way first, so that the others stay whole for as long as they can.
    void fit(const std::vector<Cells>& rows) {
        for (std::size_t i = 0; i < kColumns; ++i) {
            columns_[i].width = columnsOf(columns_[i].title);
            for (const Cells& cells : rows)
                columns_[i].width = std::max(columns_[i].width, columnsOf(cells[i]));
        }
        if (style_.width == 0) return;
        const auto least = [](const Column& column) { return std::min(column.least, column.width); };
        for (const ColumnIndex column : kDispensable)
            if (total(least) > style_.width) columns_[column].hidden = true;
        const auto width = [](const Column& column) { return column.width; };
        for (std::size_t excess = total(width); excess > style_.width; --excess) {
            Column* widest = nullptr;
            for (Column& column : columns_)
                if (!column.hidden && column.width > column.least &&
                    (widest == nullptr || column.width > widest->width))
                    widest = &column;
            if (widest == nullptr) return;
            --widest->width;
        }
    }

    std::size_t total(std::size_t (*widthOf)(const Column&)) const {
        std::size_t sum = kMarksWidth;
        for (const Column& column : columns_)
            if (!column.hidden) sum += widthOf(column) + kGap;
        return sum - kGap;
    }

    void row(const std::string& marks, const Cells& cells, const char* color) {
        std::string line = marks + " ";
        for (std::size_t i = 0; i < kColumns; ++i) {
            if (columns_[i].hidden) continue;
            const std::size_t width = columns_[i].width;
            const std::string cell =
                i == kWhy ? shortenedAtTheEnd(cells[i], width) : shortenedInTheMiddle(cells[i], width);
            const std::string padding(width - columnsOf(cell), ' ');
            line += i == kIndex ? padding + cell : cell + padding;
            line += std::string(kGap, ' ');
        }
        add(line, color);
    }

    const Report& report_;
    const TableStyle style_;
    std::array<Column, kColumns> columns_{
        {{"INDEX", SIZE_MAX}, {"NAME", 8}, {"ADDRESS", 8}, {"STATE", 6}, {"HEALTH", 6}, {"WHY", 12}}};
    std::string text_;
};

}  // namespace

std::string tableOf(const Report& report, const TableStyle& style) {
    return Table(report, style).text();
}

}  // namespace leader::status
