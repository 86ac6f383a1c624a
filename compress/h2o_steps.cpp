// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Scores are kept for each query head and reduced over the group when keys are compared.
#include "compress/h2o_steps.hpp"

#include "compress/kept_sets.hpp"

#include <algorithm>

namespace kvviz::compress {

namespace {

/// Places of `keys` keys that stay; the others' scores go.
TopK cut(ReceivedScores& scores, std::int64_t keys, H2oSizes sizes, Reduce reduce)
{
    TopK stay = topAndTail(scores.reduced(reduce, keys - sizes.recent), keys,
                           std::min(sizes.heavy + sizes.recent, keys));
    scores.keep(stay.positions);
    return stay;
}

} // namespace

TopK h2oPromptCut(const core::LayerData& data, int kvHead, H2oSizes sizes, Reduce reduce)
{
    ReceivedScores scores(data, groupOf(data, kvHead));
    return cut(scores, data.n, sizes, reduce);
}

StepRules h2oRules(const core::LayerData& data, const LayerPlan& plan, H2oSizes sizes, Reduce reduce)
{
    StepRules rules;
    for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead) {
        ReceivedScores scores(data, groupOf(data, kvHead));
        scores.keep(plan.kept[static_cast<std::size_t>(kvHead)]);
        rules.rules.push_back([scores = std::move(scores), sizes, reduce](const OnlineStep& step) mutable {
            scores.add(step.rows);
            return cut(scores, std::ssize(step.live), sizes, reduce).positions;
        });
    }
    return rules;
}

namespace {

/// What the next query sees of the `keys` keys so far; zeroes the scores of those that lost.
TopK chooseHf(ReceivedScores& scores, std::int64_t keys, H2oSizes sizes, Reduce reduce)
{
    TopK visible = topK(scores.reduced(reduce, keys - sizes.recent), sizes.heavy);
    if (sizes.recent > 0) // with 0 the code's slice [-0:] spares every score
        for (std::vector<double>& head : scores.heads()) {
            auto chosen = visible.positions.begin();
            for (std::int32_t key = 0; key < keys - sizes.recent; ++key)
                if (chosen != visible.positions.end() && *chosen == key)
                    ++chosen;
                else
                    head[static_cast<std::size_t>(key)] = 0.0;
        }
    for (const std::int32_t recent : positionRange(keys + 1 - sizes.recent, keys))
        visible.positions.push_back(recent);
    return visible;
}

} // namespace

OnlineHead h2oHf(const core::LayerData& data, int kvHead, H2oSizes sizes, Reduce reduce)
{
    const HeadRange heads = groupOf(data, kvHead);
    const std::int64_t total = data.total();
    ReceivedScores scores(data, heads);
    OnlineHead head;
    head.kept = chooseHf(scores, data.n, sizes, reduce);
    head.mask.assign(static_cast<std::size_t>(data.t * total), 0);
    std::vector<std::int32_t> visible = head.kept.positions;
    for (std::int64_t step = 0; step < data.t; ++step) {
        visible.push_back(static_cast<std::int32_t>(data.n + step));
        const auto rows = renormalisedRows(data, heads, step, visible);
        for (std::size_t r = 0; r < rows.size(); ++r)
            scores.heads()[r].push_back(0.0);
        for (std::size_t i = 0; i < visible.size(); ++i) {
            head.mask[static_cast<std::size_t>(step * total + visible[i])] = 1;
            for (std::size_t r = 0; r < rows.size(); ++r)
                scores.heads()[r][static_cast<std::size_t>(visible[i])] += rows[r][i];
        }
        visible = chooseHf(scores, data.n + step + 1, sizes, reduce).positions;
    }
    return head;
}

OnlineHead h2oLookAhead(const core::LayerData& data, int kvHead, H2oSizes sizes, Reduce reduce)
{
    const HeadRange heads = groupOf(data, kvHead);
    const std::int64_t total = data.total();
    std::vector<std::vector<double>> columns;
    for (int r = 0; r < heads.count; ++r) {
        const float* const sums = data.received.data() + (heads.first + r) * total;
        std::vector<double> column(sums, sums + total);
        for (std::int64_t step = 0; step < data.t; ++step)
            std::transform(column.begin(), column.end(), data.decodeRow(heads.first + r, step), column.begin(),
                           std::plus<>());
        columns.push_back(std::move(column));
    }
    const TopK heavy = topK(reduceScores(columns, reduce), sizes.heavy);
    OnlineHead head;
    head.kept.tiesAtCut = heavy.tiesAtCut;
    for (const std::int32_t key : heavy.positions)
        if (key < data.n - sizes.recent)
            head.kept.positions.push_back(key);
    for (const std::int32_t key : positionRange(data.n - sizes.recent, data.n))
        head.kept.positions.push_back(key);
    head.mask.assign(static_cast<std::size_t>(data.t * total), 0);
    for (std::int64_t step = 0; step < data.t; ++step) {
        std::uint8_t* const visible = head.mask.data() + step * total;
        const std::int64_t query = data.n + step;
        for (const std::int32_t key : heavy.positions)
            visible[key] = key <= query;
        std::fill(visible + query - sizes.recent, visible + query + 1, std::uint8_t{1});
    }
    return head;
}

} // namespace kvviz::compress
