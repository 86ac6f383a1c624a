// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How much of the cache may stay, and the rounding rules of methods.md section 1.5.
#pragma once

#include <cstdint>
#include <optional>

namespace kvviz::compress {

/// floor(n * ratio + 1e-9), clamped to [0, n]; `compatKvpress` gives kvpress's max(1, int(n * (1 - removed)))
/// with removed = 1 - ratio in double precision, which loses one token for common ratios.
[[nodiscard]] std::int64_t keepCount(std::int64_t n, double ratio, bool compatKvpress = false);

/// Either a fraction of the prompt tokens kept (the paper's convention) or tokens per layer and KV head.
struct Budget {
    double ratio = 1.0;
    std::optional<std::int64_t> tokens; ///< overrides ratio

    /// Throws Error(usage) for a ratio outside (0, 1] or tokens < 1.
    void validate() const;
    /// Capacity C: tokens kept per layer and KV head, window included; tokens above n are clamped. Throws as validate.
    [[nodiscard]] std::int64_t capacity(std::int64_t n, bool compatKvpress = false) const;
    /// The nominal ratio for a prompt of n tokens.
    [[nodiscard]] double nominalRatio(std::int64_t n) const;
    friend bool operator==(const Budget&, const Budget&) = default;
};

} // namespace kvviz::compress
