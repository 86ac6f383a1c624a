// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Matrix products over the keys that someone sees. A key has one form for most queries; the few keys that change their
// form while decoding are put right afterwards.
#include "compress/view_attention.hpp"

#include "core/kernels.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvviz::compress {
namespace {

using Floats = std::vector<float>;

double dot(const float* a, const float* b, int d)
{
    double sum = 0;
    for (int i = 0; i < d; ++i)
        sum += static_cast<double>(a[i]) * b[i];
    return sum;
}

std::vector<std::int32_t> visibleColumns(const HeadView& view)
{
    std::vector<std::int32_t> columns;
    if (!view.mask) {
        columns.assign(view.kept.begin(), view.kept.end());
        for (std::int64_t key = view.n; key < view.n + view.t; ++key)
            columns.push_back(static_cast<std::int32_t>(key));
        return columns;
    }
    const std::int64_t total = view.n + view.t;
    std::vector<std::uint8_t> seen(static_cast<std::size_t>(total), 0);
    for (std::int64_t step = 0; step < view.t; ++step)
        for (std::int64_t key = 0; key <= view.n + step; ++key)
            seen[static_cast<std::size_t>(key)] |= view.mask[step * total + key];
    for (std::int32_t key = 0; key < total; ++key)
        if (seen[static_cast<std::size_t>(key)])
            columns.push_back(key);
    return columns;
}

bool sees(const HeadView& view, std::int64_t step, std::int32_t key)
{
    return key <= view.n + step && key >= view.rule.firstKey(view.n + step)
           && (!view.mask || view.mask[step * (view.n + view.t) + key] != 0);
}

/// The rows of a [T, d] array in the form that step 0 sees, and which columns have two forms.
struct Forms {
    Floats rows;            // [columns, d]
    std::vector<int> mixed; ///< columns that change while decoding
};

Forms gatherForms(const std::vector<std::int32_t>& columns, const float* plain, const float* changed,
                  const std::int32_t* from, std::int64_t t, int d)
{
    Forms forms;
    forms.rows.resize(columns.size() * static_cast<std::size_t>(d));
    float* to = forms.rows.data();
    for (int i = 0; i < static_cast<int>(columns.size()); ++i, to += d) {
        const std::int64_t key = columns[static_cast<std::size_t>(i)];
        const bool compressed = changed && from[key] <= 0;
        std::copy_n((compressed ? changed : plain) + key * d, d, to);
        if (changed && from[key] > 0 && from[key] < t)
            forms.mixed.push_back(i);
    }
    return forms;
}

/// Rows of queries and what is computed for them.
struct Rows {
    const float* queries; // [count, d]
    std::int64_t count;
    std::int64_t width;   ///< columns
    Floats weights;       // [count, width] logits, then probabilities

    [[nodiscard]] float* at(std::int64_t row) { return weights.data() + row * width; }
};

void computeLogits(const HeadView& view, const Forms& keys, Rows& rows)
{
    Floats transposed(keys.rows.size());
    core::transpose(keys.rows.data(), view.headDim, transposed.data(), rows.width, rows.width, view.headDim);
    rows.weights.resize(static_cast<std::size_t>(rows.count * rows.width));
    core::multiply(rows.queries, view.headDim, transposed.data(), rows.width, rows.weights.data(), rows.width,
                   rows.count, view.headDim, rows.width);
}

/// Logits of the keys that are compressed from some step on, for the steps that see them so.
void overrideMixed(const HeadView& view, const std::vector<std::int32_t>& columns, const Forms& keys, Rows& rows)
{
    for (const int column : keys.mixed) {
        const std::int64_t key = columns[static_cast<std::size_t>(column)];
        const float* const compressed = view.changedKey + key * view.headDim;
        for (std::int64_t row = 0; row < rows.count; ++row)
            if (row % view.t >= view.keyFrom[key])
                rows.at(row)[column] =
                    static_cast<float>(dot(rows.queries + row * view.headDim, compressed, view.headDim));
    }
}

/// Logits of keys that stand nearer to the query than where they were captured.
void overrideShifted(const HeadView& view, const std::vector<std::int32_t>& columns, Rows& rows)
{
    const std::int64_t total = view.n + view.t;
    Floats turned(static_cast<std::size_t>(view.headDim));
    for (std::int64_t step = 0; step < view.t; ++step)
        for (std::size_t column = 0; column < columns.size(); ++column) {
            const std::int32_t key = columns[column];
            const std::int32_t shift = view.shift[step * total + key];
            if (shift == 0 || !sees(view, step, key))
                continue;
            const bool compressed = view.changedKey && step >= view.keyFrom[key];
            const float* const form = (compressed ? view.changedKey : view.key) + std::int64_t{key} * view.headDim;
            std::copy_n(form, view.headDim, turned.begin());
            view.rotary->rotate(turned.data(), shift);
            for (std::int64_t row = step; row < rows.count; row += view.t)
                rows.at(row)[column] =
                    static_cast<float>(dot(rows.queries + row * view.headDim, turned.data(), view.headDim));
        }
}

/// Turns logits into probabilities over the keys that each row's query sees; the others get 0.
void softmaxVisible(const HeadView& view, const std::vector<std::int32_t>& columns, Rows& rows)
{
    const float scale = view.rule.softcap > 0 ? 1.0f : view.rule.scaleFor(view.headDim);
    for (std::int64_t row = 0; row < rows.count; ++row) {
        const std::int64_t step = row % view.t, query = view.n + step;
        // Columns are ascending: first those that have left the window, last those of later tokens.
        const auto place = [&](std::int64_t position) {
            return std::lower_bound(columns.begin(), columns.end(), static_cast<std::int32_t>(position))
                   - columns.begin();
        };
        const std::int64_t first = place(view.rule.firstKey(query)), count = place(query + 1) - first;
        float* const values = rows.at(row) + first;
        std::fill(rows.at(row), values, 0.0f);
        std::fill(values + count, rows.at(row) + rows.width, 0.0f);
        if (view.rule.softcap > 0)
            core::capScores(values, count, view.rule.scaleFor(view.headDim), view.rule.softcap);
        if (view.mask)
            for (std::int64_t i = 0; i < count; ++i)
                if (view.mask[step * (view.n + view.t) + columns[static_cast<std::size_t>(first + i)]] == 0)
                    values[i] = -std::numeric_limits<float>::infinity();
        const float top = count > 0 ? core::largest(values, count) : -std::numeric_limits<float>::infinity();
        if (std::isinf(top)) {
            std::fill(values, values + count, 0.0f);
            continue;
        }
        core::scaleBy(values, count, 1.0f / core::exponentials(values, count, scale, top));
    }
}

/// Where values change while decoding, adds what the change makes to the outputs of the steps that see it.
void addMixedValues(const HeadView& view, const std::vector<std::int32_t>& columns, const Forms& values, Rows& rows,
                    Floats& output)
{
    for (const int column : values.mixed) {
        const std::int64_t key = columns[static_cast<std::size_t>(column)];
        const float *const changed = view.changedValue + key * view.headDim,
                    *const plain = view.value + key * view.headDim;
        for (std::int64_t row = 0; row < rows.count; ++row)
            if (row % view.t >= view.valueFrom[key])
                for (int i = 0; i < view.headDim; ++i)
                    output[static_cast<std::size_t>(row * view.headDim + i)] +=
                        rows.at(row)[column] * (changed[i] - plain[i]);
    }
}

} // namespace

HeadView headView(const core::LayerData& data, const LayerPlan& plan, int kvHead, const core::Rotary* rotary)
{
    const std::int64_t total = data.total(), offset = kvHead * total * data.headDim;
    HeadView view;
    view.n = data.n;
    view.t = data.t;
    view.headDim = data.headDim;
    view.rule = data.rule;
    view.kept = plan.kept[static_cast<std::size_t>(kvHead)];
    view.mask = plan.keptDecode.empty() ? nullptr : plan.keptDecode.data() + kvHead * data.t * total;
    view.key = data.key.data() + offset;
    view.value = data.value.data() + offset;
    if (const ChangedCache* const changed = plan.changed.get()) {
        view.changedKey = changed->key.empty() ? nullptr : changed->key.data() + offset;
        view.changedValue = changed->value.empty() ? nullptr : changed->value.data() + offset;
        view.keyFrom = changed->keyFrom.empty() ? nullptr : changed->keyFrom.data() + kvHead * total;
        view.valueFrom = changed->valueFrom.empty() ? nullptr : changed->valueFrom.data() + kvHead * total;
        view.shift = changed->shift.empty() ? nullptr : changed->shift.data();
        view.rotary = rotary;
    }
    return view;
}

HeadView fullView(const core::LayerData& data, int kvHead, std::span<const std::int32_t> allPrompt)
{
    const std::int64_t offset = kvHead * data.total() * data.headDim;
    HeadView view;
    view.n = data.n;
    view.t = data.t;
    view.headDim = data.headDim;
    view.rule = data.rule;
    view.kept = allPrompt;
    view.key = data.key.data() + offset;
    view.value = data.value.data() + offset;
    return view;
}

ViewAttention attendView(const HeadView& view, std::span<const float> queryRows, bool wantOutput)
{
    const int d = view.headDim;
    ViewAttention result;
    result.columns = visibleColumns(view);
    Rows rows{queryRows.data(), std::ssize(queryRows) / d, std::ssize(result.columns), {}};
    result.output.assign(wantOutput ? queryRows.size() : 0, 0.0f);
    if (rows.width == 0 || rows.count == 0) {
        result.probabilities.assign(static_cast<std::size_t>(rows.count * rows.width), 0.0f);
        return result;
    }
    const Forms keys = gatherForms(result.columns, view.key, view.changedKey, view.keyFrom, view.t, d);
    computeLogits(view, keys, rows);
    overrideMixed(view, result.columns, keys, rows);
    if (view.shift)
        overrideShifted(view, result.columns, rows);
    softmaxVisible(view, result.columns, rows);
    if (wantOutput) {
        const Forms values = gatherForms(result.columns, view.value, view.changedValue, view.valueFrom, view.t, d);
        core::multiply(rows.weights.data(), rows.width, values.rows.data(), d, result.output.data(), d, rows.count,
                       rows.width, d);
        addMixedValues(view, result.columns, values, rows, result.output);
    }
    result.probabilities = std::move(rows.weights);
    return result;
}

std::vector<float> groupQueries(const core::LayerData& data, int kvHead)
{
    std::vector<float> rows;
    const std::int64_t size = data.t * data.headDim;
    for (int r = 0; r < data.heads.groupSize(); ++r) {
        const std::int64_t head = data.heads.firstQueryHead(kvHead) + r;
        const auto first = data.query.begin() + (head * (data.w + data.t) + data.w) * data.headDim;
        rows.insert(rows.end(), first, first + size);
    }
    return rows;
}

} // namespace kvviz::compress
