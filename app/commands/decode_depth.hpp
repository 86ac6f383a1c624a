// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What `kvviz replay --depth decode` needs of a program that can run models. kvviz itself cannot; kvviz-engine can.
#pragma once

#include "compress/replay.hpp"
#include "core/io/capture_reader.hpp"

#include <memory>

namespace kvviz::app {

class DecodeDepth {
public:
    virtual ~DecodeDepth() = default;
    /// One observer a capture. Throws Error(badInput) when the capture cannot be continued: another model, layers or
    /// heads left out.
    [[nodiscard]] virtual std::unique_ptr<compress::PlanObserver> observe(const io::CaptureReader& capture) = 0;
    /// Largest difference so far between the log-probabilities that captures hold and those of their continuation run
    /// over the whole, unchanged cache: what storage and arithmetic cost. NaN before the first capture.
    [[nodiscard]] virtual double largestDeviation() const = 0;
};

} // namespace kvviz::app
