// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Matrix products over the keys that someone sees. A key has one form for most queries; the few keys that change their
// form while decoding are put right afterwards.
#include "compress/view_attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

// Callers run one product a thread; a product that starts threads of its own would make results depend on their number.
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>

namespace kvviz::compress {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstRows = Eigen::Map<const Matrix>;

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
    return key <= view.n + step && (!view.mask || view.mask[step * (view.n + view.t) + key] != 0);
}

/// The rows of a [T, d] array that most queries see, and which columns have two forms.
struct Forms {
    Matrix rows;              // [columns, d] the form of step 0
    std::vector<int> mixed;   ///< columns that change while decoding
};

Forms gather(const std::vector<std::int32_t>& columns, const float* plain, const float* changed,
             const std::int32_t* from, std::int64_t t, int d)
{
    Forms forms;
    forms.rows.resize(std::ssize(columns), d);
    for (int i = 0; i < static_cast<int>(columns.size()); ++i) {
        const std::int64_t key = columns[static_cast<std::size_t>(i)];
        const bool compressed = changed && from[key] <= 0;
        forms.rows.row(i) = Eigen::Map<const Eigen::RowVectorXf>((compressed ? changed : plain) + key * d, d);
        if (changed && from[key] > 0 && from[key] < t)
            forms.mixed.push_back(i);
    }
    return forms;
}

/// Logits of the keys that are compressed from some step on, for the steps that see them so.
void overrideMixed(const HeadView& view, const std::vector<std::int32_t>& columns, const Forms& keys,
                   const ConstRows& queries, Matrix& logits)
{
    for (const int column : keys.mixed) {
        const std::int64_t key = columns[static_cast<std::size_t>(column)];
        const Eigen::Map<const Eigen::VectorXf> compressed(view.changedKey + key * view.headDim, view.headDim);
        for (Eigen::Index row = 0; row < logits.rows(); ++row)
            if (row % view.t >= view.keyFrom[key])
                logits(row, column) = queries.row(row).dot(compressed);
    }
}

/// Logits of keys that stand nearer to the query than where they were captured.
void overrideShifted(const HeadView& view, const std::vector<std::int32_t>& columns, const ConstRows& queries,
                     Matrix& logits)
{
    const std::int64_t total = view.n + view.t;
    std::vector<float> turned(static_cast<std::size_t>(view.headDim));
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
            const Eigen::Map<const Eigen::VectorXf> vector(turned.data(), view.headDim);
            for (Eigen::Index row = step; row < logits.rows(); row += view.t)
                logits(row, static_cast<Eigen::Index>(column)) = queries.row(row).dot(vector);
        }
}

/// Turns logits into probabilities over the keys that each row's query sees; the others get 0.
void softmaxVisible(const HeadView& view, const std::vector<std::int32_t>& columns, Matrix& rows)
{
    const float scale = 1.0f / std::sqrt(static_cast<float>(view.headDim));
    for (Eigen::Index row = 0; row < rows.rows(); ++row) {
        const std::int64_t step = row % view.t;
        // Columns are ascending, so those of later tokens are at the end.
        const auto past = std::upper_bound(columns.begin(), columns.end(), static_cast<std::int32_t>(view.n + step));
        const Eigen::Index reach = past - columns.begin();
        Eigen::Map<Eigen::ArrayXf> values(&rows(row, 0), reach);
        std::fill_n(&rows(row, 0) + reach, rows.cols() - reach, 0.0f);
        float largest = -std::numeric_limits<float>::infinity();
        for (Eigen::Index i = 0; i < reach; ++i)
            if (sees(view, step, columns[static_cast<std::size_t>(i)]))
                largest = std::max(largest, values[i]);
        if (std::isinf(largest)) {
            values.setZero();
            continue;
        }
        values = ((values - largest) * scale).exp();
        if (view.mask)
            for (Eigen::Index i = 0; i < reach; ++i)
                values[i] = sees(view, step, columns[static_cast<std::size_t>(i)]) ? values[i] : 0.0f;
        values *= 1.0f / values.sum();
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
    view.kept = allPrompt;
    view.key = data.key.data() + offset;
    view.value = data.value.data() + offset;
    return view;
}

ViewAttention attendView(const HeadView& view, std::span<const float> queryRows)
{
    const int d = view.headDim;
    const std::int64_t rows = std::ssize(queryRows) / d;
    ViewAttention result;
    result.columns = visibleColumns(view);
    const auto count = std::ssize(result.columns);
    result.output.assign(queryRows.size(), 0.0f);
    result.probabilities.assign(static_cast<std::size_t>(rows * count), 0.0f);
    if (count == 0 || rows == 0)
        return result;
    const ConstRows queries(queryRows.data(), rows, d);
    const Forms keys = gather(result.columns, view.key, view.changedKey, view.keyFrom, view.t, d);
    Matrix weights = queries * keys.rows.transpose();
    overrideMixed(view, result.columns, keys, queries, weights);
    if (view.shift)
        overrideShifted(view, result.columns, queries, weights);
    softmaxVisible(view, result.columns, weights);
    std::copy_n(weights.data(), weights.size(), result.probabilities.data());
    const Forms values = gather(result.columns, view.value, view.changedValue, view.valueFrom, view.t, d);
    Eigen::Map<Matrix> output(result.output.data(), rows, d);
    output.noalias() = weights * values.rows;
    for (const int column : values.mixed) {
        const std::int64_t key = result.columns[static_cast<std::size_t>(column)];
        const Eigen::RowVectorXf change = Eigen::Map<const Eigen::RowVectorXf>(view.changedValue + key * d, d)
                                          - Eigen::Map<const Eigen::RowVectorXf>(view.value + key * d, d);
        for (Eigen::Index row = 0; row < output.rows(); ++row)
            if (row % view.t >= view.valueFrom[key])
                output.row(row) += weights(row, column) * change;
    }
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
