// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "capture/device/device_attention.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

namespace kvviz::capture {
namespace {

constexpr std::int64_t kBlock = 256; ///< query rows whose scores are in memory at a time

/// Scores to logits, in place.
void applyRule(at::Tensor& scores, const core::ScoreRule& rule, std::int64_t headDim)
{
    scores.mul_(rule.scaleFor(headDim));
    if (rule.softcap > 0)
        scores.div_(rule.softcap).tanh_().mul_(rule.softcap);
}

/// Flash attention: half precision, any window, query heads share KV heads as they are.
PromptAttention flash(const core::ScoreRule& rule, const at::Tensor& query, const at::Tensor& key, const at::Tensor& value)
{
    const std::int64_t n = query.size(0);
    const auto batch = [](const at::Tensor& heads) { return heads.transpose(0, 1).unsqueeze(0); }; // [1, n, G, d]
    const bool slides = rule.window > 0;
    const auto result = at::_flash_attention_forward(
        query.unsqueeze(0), batch(key), batch(value), {}, {}, n, n, /*dropout_p=*/0.0, /*is_causal=*/true,
        /*return_debug_mask=*/false, rule.scaleFor(query.size(2)), slides ? rule.window - 1 : -1,
        slides ? 0 : -1); // -1: no bound on this side
    return {std::get<0>(result).squeeze(0), std::get<1>(result).squeeze(0).narrow(1, 0, n).contiguous()};
}

/// Memory-efficient attention: float32 too, but each query head wants a KV head of its own.
PromptAttention efficient(const core::ScoreRule& rule, const at::Tensor& query, const at::Tensor& key,
                          const at::Tensor& value)
{
    const std::int64_t n = query.size(0), group = query.size(1) / key.size(0);
    const auto batch = [&](const at::Tensor& heads) { return heads.repeat_interleave(group, 0).unsqueeze(0); };
    const auto result = at::_scaled_dot_product_efficient_attention(
        query.transpose(0, 1).unsqueeze(0), batch(key), batch(value), {}, /*compute_log_sumexp=*/true,
        /*dropout_p=*/0.0, /*is_causal=*/true, rule.scaleFor(query.size(2)));
    // Rows of log-sum-exps are padded to a multiple of 32.
    return {std::get<0>(result).squeeze(0).transpose(0, 1).contiguous(),
            std::get<1>(result).squeeze(0).narrow(1, 0, n).to(at::kFloat).contiguous()};
}

/// [rows, keys]: true where query firstQuery + i does not see key firstKey + j.
at::Tensor hiddenKeys(std::int64_t firstQuery, std::int64_t rows, std::int64_t firstKey, std::int64_t keys,
                      std::int64_t window, c10::Device device)
{
    const auto options = at::TensorOptions(device).dtype(at::kLong);
    const at::Tensor query = at::arange(firstQuery, firstQuery + rows, options).unsqueeze(1);
    const at::Tensor key = at::arange(firstKey, firstKey + keys, options).unsqueeze(0);
    const at::Tensor later = key.gt(query);
    return window > 0 ? later.logical_or(key.le(query - window)) : later;
}

/// Blocks of rows in float32, whatever the rule.
PromptAttention plain(const core::ScoreRule& rule, const at::Tensor& query, const at::Tensor& key, const at::Tensor& value)
{
    const std::int64_t n = query.size(0), heads = query.size(1), d = query.size(2), kvHeads = key.size(0);
    const at::Tensor keys = key.to(at::kFloat), values = value.to(at::kFloat);
    PromptAttention result{at::empty_like(query), at::empty({heads, n}, query.options().dtype(at::kFloat))};
    for (std::int64_t first = 0; first < n; first += kBlock) {
        const std::int64_t rows = std::min(kBlock, n - first), begin = rule.firstKey(first), seen = first + rows - begin;
        const at::Tensor block =
            query.narrow(0, first, rows).to(at::kFloat).transpose(0, 1).reshape({kvHeads, -1, d}); // [G, r rows, d]
        at::Tensor scores = at::bmm(block, keys.narrow(1, begin, seen).transpose(1, 2)).view({heads, rows, seen});
        applyRule(scores, rule, d);
        scores.masked_fill_(hiddenKeys(first, rows, begin, seen, rule.window, query.device()),
                            -std::numeric_limits<float>::infinity());
        const at::Tensor logSum = scores.logsumexp({-1});
        result.logSumExp.narrow(1, first, rows).copy_(logSum);
        const at::Tensor probabilities = scores.sub_(logSum.unsqueeze(-1)).exp_().view({kvHeads, -1, seen});
        result.output.narrow(0, first, rows)
            .copy_(at::bmm(probabilities, values.narrow(1, begin, seen)).view({heads, rows, d}).transpose(0, 1));
    }
    return result;
}

} // namespace

PromptAttention attendPrompt(const core::ScoreRule& rule, const at::Tensor& query, const at::Tensor& key,
                             const at::Tensor& value, bool fused)
{
    const std::int64_t d = query.size(2);
    if (!fused || rule.softcap > 0 || d % 8 != 0 || d > 256)
        return plain(rule, query, key, value);
    if (query.scalar_type() != at::kFloat)
        return flash(rule, query, key, value);
    const bool slides = rule.window > 0 && rule.window < query.size(0);
    return slides ? plain(rule, query, key, value) : efficient(rule, query, key, value);
}

StepAttention attendStep(const core::ScoreRule& rule, const at::Tensor& query, const at::Tensor& key,
                         const at::Tensor& value, std::int64_t sinks)
{
    const std::int64_t heads = query.size(0), d = query.size(1), kvHeads = key.size(0), keys = key.size(1);
    const std::int64_t first = rule.firstKey(keys - 1), seen = keys - first;
    at::Tensor logits = at::bmm(query.to(at::kFloat).view({kvHeads, -1, d}),
                                key.narrow(1, first, seen).to(at::kFloat).transpose(1, 2));
    applyRule(logits, rule, d);
    const at::Tensor logs = at::log_softmax(logits, -1); // [G, r, seen]
    const at::Tensor probabilities = logs.exp();
    StepAttention result;
    result.output = at::bmm(probabilities, value.narrow(1, first, seen).to(at::kFloat)).view({heads, d});
    result.entropy = probabilities.mul(logs).sum({-1}).neg_().clamp_min_(0).reshape({heads});
    result.probabilities = at::zeros({heads, keys}, logits.options());
    result.probabilities.narrow(1, first, seen).copy_(probabilities.view({heads, seen}));
    result.sinkMass = result.probabilities.narrow(1, 0, std::min(sinks, keys)).sum({-1});
    return result;
}

} // namespace kvviz::capture
