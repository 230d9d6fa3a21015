#pragma once

#include <cstddef>
#include <string>

#include "common/status/report.h"

namespace leader::status {

struct TableStyle {
    /// Columns; what does not fit is shortened. Zero: everything is shown.
    std::size_t width = 0;
    bool color = false;
};

/// The report for people: a few lines on the group, then a line for each candidate.
std::string tableOf(const Report& report, const TableStyle& style);

}  // namespace leader::status
