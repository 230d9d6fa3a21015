#pragma once

#include <string>

#include "common/status/process_statistics.h"
#include "common/status/report.h"

namespace leader::status {

/// The Content-Type of what metricsOf() gives.
inline constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

/// The report in Prometheus' text format 0.0.4; the README lists the metrics.
std::string metricsOf(const Report& report, const ProcessStatistics& process);

}  // namespace leader::status
