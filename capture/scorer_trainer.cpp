// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The training loop: LibTorch's autograd, Adam written out, the best weights of an early-stopping split. The second
// file that sees LibTorch.
#include "capture/scorer_trainer.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <random>

namespace kvviz::capture {
namespace {

using core::Error;
using core::ErrorCode;

/// Sums over many threads depend on how many there are; one thread is enough for so small a network.
class OneThread {
public:
    OneThread() : m_before(at::get_num_threads()) { at::set_num_threads(1); }
    ~OneThread() { at::set_num_threads(m_before); }
    OneThread(const OneThread&) = delete;
    OneThread& operator=(const OneThread&) = delete;

private:
    int m_before;
};

at::Tensor tensorOf(const std::vector<float>& values, at::IntArrayRef shape)
{
    return at::from_blob(const_cast<float*>(values.data()), shape, at::TensorOptions().dtype(at::kFloat)).clone();
}

/// A sample as tensors; features are views of it.
struct Example {
    at::Tensor features; // [tokens, inputs]
    at::Tensor future;   // [tokens]
};

Example exampleOf(const ScorerSample& sample, std::int64_t inputs)
{
    return {at::from_blob(const_cast<float*>(sample.features.data()), {sample.tokens, inputs},
                          at::TensorOptions().dtype(at::kFloat)),
            tensorOf(std::vector<float>(sample.future.begin(), sample.future.end()), {sample.tokens})};
}

/// One parameter with its gradient's running moments.
struct Parameter {
    at::Tensor value, mean, square;
    double decay = 0;

    Parameter(at::Tensor start, double weightDecay)
        : value(start.set_requires_grad(true)), mean(at::zeros_like(start)), square(at::zeros_like(start)),
          decay(weightDecay)
    {
    }
    /// Adam with decoupled weight decay (Kingma and Ba 2015; Loshchilov and Hutter 2019).
    void update(double rate, std::int64_t step)
    {
        constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
        const at::NoGradGuard noGrad;
        at::Tensor& gradient = value.mutable_grad();
        if (!gradient.defined())
            return;
        mean.mul_(kBeta1).add_(gradient, 1 - kBeta1);
        square.mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
        const double meanBias = 1 - std::pow(kBeta1, step), squareBias = 1 - std::pow(kBeta2, step);
        value.mul_(1 - rate * decay);
        value.addcdiv_(mean, (square / squareBias).sqrt_().add_(kEpsilon), -rate / meanBias);
        gradient = at::Tensor();
    }
};

/// w2 . silu(W1 x + b1) over standardised features. w2 starts at 0: the untrained scorer prefers no token.
class Network {
public:
    Network(const core::TokenScorer& start, double weightDecay)
        : m_mean(tensorOf(start.mean, {start.inputs})), m_scale(tensorOf(start.scale, {start.inputs})),
          m_parameters{Parameter(tensorOf(start.w1, {start.hidden, start.inputs}), weightDecay),
                       Parameter(tensorOf(start.b1, {start.hidden}), 0),
                       Parameter(tensorOf(start.w2, {start.hidden}), weightDecay)}
    {
    }

    /// Cross-entropy of softmax(scores) against the future attention.
    [[nodiscard]] at::Tensor loss(const Example& example) const
    {
        const at::Tensor x = (example.features - m_mean) * m_scale;
        const at::Tensor inner = at::silu(at::addmm(m_parameters[1].value, x, m_parameters[0].value.t()));
        return -(example.future * at::log_softmax(at::mv(inner, m_parameters[2].value), 0)).sum();
    }
    void update(double rate)
    {
        ++m_step;
        for (Parameter& parameter : m_parameters)
            parameter.update(rate, m_step);
    }
    void store(core::TokenScorer& scorer) const
    {
        const std::array<std::vector<float>*, 3> targets{&scorer.w1, &scorer.b1, &scorer.w2};
        for (std::size_t i = 0; i < targets.size(); ++i) {
            const at::Tensor values = m_parameters[i].value.detach().contiguous();
            targets[i]->assign(values.const_data_ptr<float>(), values.const_data_ptr<float>() + values.numel());
        }
    }

private:
    at::Tensor m_mean, m_scale;
    std::array<Parameter, 3> m_parameters; // W1, b1, w2
    std::int64_t m_step = 0;
};

std::vector<const ScorerSample*> pick(const std::vector<ScorerSample>& samples, const std::vector<std::size_t>& which)
{
    std::vector<const ScorerSample*> result;
    for (const std::size_t i : which)
        result.push_back(&samples[i]);
    return result;
}

template <class Item> void shuffle(std::vector<Item>& items, std::mt19937_64& random)
{
    for (std::size_t i = items.size(); i > 1; --i)
        std::swap(items[i - 1], items[random() % i]);
}

/// Mean and 1 / deviation of each feature over all training tokens; a feature that never changes says nothing and gets
/// scale 0.
void standardise(const std::vector<const ScorerSample*>& samples, core::TokenScorer& scorer)
{
    const auto inputs = static_cast<std::size_t>(scorer.inputs);
    std::vector<double> sum(inputs), square(inputs);
    double tokens = 0;
    for (const ScorerSample* sample : samples) {
        tokens += static_cast<double>(sample->tokens);
        for (std::size_t i = 0; i < sample->features.size(); ++i)
            sum[i % inputs] += sample->features[i];
    }
    for (const ScorerSample* sample : samples)
        for (std::size_t i = 0; i < sample->features.size(); ++i) {
            const double off = sample->features[i] - sum[i % inputs] / tokens;
            square[i % inputs] += off * off;
        }
    for (std::size_t i = 0; i < inputs; ++i) {
        const double deviation = std::sqrt(square[i] / tokens);
        scorer.mean.push_back(static_cast<float>(sum[i] / tokens));
        scorer.scale.push_back(deviation > 1e-8 ? static_cast<float>(1 / deviation) : 0.0f);
    }
}

core::TokenScorer startingPoint(const ScorerData& data, const std::vector<const ScorerSample*>& training, int hidden,
                                std::mt19937_64& random)
{
    core::TokenScorer scorer;
    scorer.layer = data.layer;
    scorer.inputs = data.inputs;
    scorer.hidden = hidden;
    scorer.captures = std::ssize(training);
    standardise(training, scorer);
    std::normal_distribution<float> normal(0.0f, 1.0f / std::sqrt(static_cast<float>(data.inputs)));
    scorer.w1.resize(static_cast<std::size_t>(hidden) * static_cast<std::size_t>(data.inputs));
    std::generate(scorer.w1.begin(), scorer.w1.end(), [&] { return normal(random); });
    scorer.b1.assign(static_cast<std::size_t>(hidden), 0.0f);
    scorer.w2.assign(static_cast<std::size_t>(hidden), 0.0f);
    return scorer;
}

/// Runs epochs until the stopping loss has not improved for `patience` of them; leaves the best weights in `result`.
class Training {
public:
    Training(const ScorerData& data, const ScorerSplit& split, const ScorerSettings& settings, std::mt19937_64& random,
             TrainedScorer& result)
        : m_settings(settings), m_random(random), m_result(result), m_network(result.scorer, settings.weightDecay)
    {
        for (const std::size_t i : split.training)
            m_training.push_back(exampleOf(data.samples[i], data.inputs));
        for (const std::size_t i : split.stopping)
            m_stopping.push_back(exampleOf(data.samples[i], data.inputs));
    }

    void run(const core::Progress& progress)
    {
        double best = stoppingLoss();
        for (int epoch = 1; epoch <= m_settings.epochs && epoch - m_result.bestEpoch <= m_settings.patience; ++epoch) {
            progress("train", epoch - 1, m_settings.epochs);
            runEpoch(progress);
            m_result.epochs = epoch;
            const double loss = stoppingLoss();
            if (!(loss < best))
                continue;
            best = loss;
            m_result.bestEpoch = epoch;
            m_network.store(m_result.scorer);
        }
    }

private:
    void runEpoch(const core::Progress& progress)
    {
        shuffle(m_training, m_random);
        const auto batch = static_cast<std::size_t>(m_settings.batch);
        for (std::size_t begin = 0; begin < m_training.size(); begin += batch) {
            progress.throwIfStopped();
            const std::size_t end = std::min(m_training.size(), begin + batch);
            for (std::size_t i = begin; i < end; ++i)
                (m_network.loss(m_training[i]) / static_cast<double>(end - begin)).backward();
            m_network.update(m_settings.learningRate);
        }
    }
    [[nodiscard]] double stoppingLoss() const
    {
        const at::NoGradGuard noGrad;
        double sum = 0;
        for (const Example& example : m_stopping)
            sum += m_network.loss(example).item<double>();
        return sum / static_cast<double>(m_stopping.size());
    }

    const ScorerSettings& m_settings;
    std::mt19937_64& m_random;
    TrainedScorer& m_result;
    Network m_network;
    std::vector<Example> m_training, m_stopping;
};

void check(const ScorerSettings& settings)
{
    const auto refuse = [](const std::string& what) { throw Error(ErrorCode::usage, what); };
    if (settings.hidden < 1 || settings.hidden > 4096)
        refuse(fmt::format("--hidden {}: expected 1 to 4096", settings.hidden));
    if (settings.epochs < 1 || settings.patience < 1 || settings.batch < 1)
        refuse("epochs, patience and captures a step must be at least 1");
    if (!(settings.learningRate > 0) || !(settings.weightDecay >= 0) || !(settings.ratio > 0 && settings.ratio <= 1))
        refuse("the learning rate must be positive, the weight decay not negative, the ratio in (0, 1]");
}

/// Softmax ignores a constant, so b2 is free: it makes the mean score of the training tokens 0.
void centre(core::TokenScorer& scorer, const std::vector<const ScorerSample*>& training)
{
    double sum = 0, tokens = 0;
    for (const ScorerSample* sample : training)
        for (const double score : scorerOutput(scorer, sample->features)) {
            sum += score;
            ++tokens;
        }
    scorer.b2 -= static_cast<float>(sum / tokens);
}

/// See TrainedScorer::sharedPrefix.
double sharedPrefix(const std::vector<const ScorerSample*>& heldOut, const std::vector<const ScorerSample*>& training)
{
    double sum = 0;
    for (const ScorerSample* sample : heldOut) {
        const std::vector<std::int32_t>& ids = sample->promptIds;
        std::ptrdiff_t longest = 0;
        for (const ScorerSample* other : training) {
            const auto [own, its] =
                std::mismatch(ids.begin(), ids.end(), other->promptIds.begin(), other->promptIds.end());
            longest = std::max(longest, own - ids.begin());
        }
        sum += static_cast<double>(longest) / static_cast<double>(ids.size());
    }
    return sum / static_cast<double>(heldOut.size());
}

} // namespace

ScorerSplit splitSamples(const std::vector<ScorerSample>& samples, std::uint64_t seed)
{
    std::map<std::vector<std::int32_t>, std::vector<std::size_t>> byPrompt;
    for (std::size_t i = 0; i < samples.size(); ++i)
        byPrompt[samples[i].promptIds].push_back(i);
    if (std::ssize(byPrompt) < kFewestPrompts)
        throw Error(ErrorCode::badInput, fmt::format("a scorer needs {} different prompts, and there are {}",
                                                     kFewestPrompts, byPrompt.size()));
    std::vector<std::vector<std::size_t>> prompts;
    for (const auto& [ids, members] : byPrompt)
        prompts.push_back(members);
    std::mt19937_64 random(seed);
    shuffle(prompts, random);
    const std::size_t part = std::max<std::size_t>(1, prompts.size() / 5);
    ScorerSplit split;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        std::vector<std::size_t>& side = i < part ? split.heldOut : i < 2 * part ? split.stopping : split.training;
        side.insert(side.end(), prompts[i].begin(), prompts[i].end());
    }
    return split;
}

TrainedScorer trainScorer(const ScorerData& data, const ScorerSettings& settings, const core::Progress& progress)
{
    check(settings);
    const ScorerSplit split = splitSamples(data.samples, settings.seed);
    const std::vector<const ScorerSample*> training = pick(data.samples, split.training);
    const std::vector<const ScorerSample*> heldOut = pick(data.samples, split.heldOut);
    std::mt19937_64 random(settings.seed + 1);
    TrainedScorer result;
    result.scorer = startingPoint(data, training, settings.hidden, random);
    try {
        const OneThread oneThread;
        Training(data, split, settings, random, result).run(progress);
    } catch (const c10::Error& error) {
        throw Error(ErrorCode::device, std::string("the training failed: ") + error.what_without_backtrace());
    }
    centre(result.scorer, training);
    result.training = judgeScorer(result.scorer, training, settings.ratio);
    result.stopping = judgeScorer(result.scorer, pick(data.samples, split.stopping), settings.ratio);
    result.heldOut = judgeScorer(result.scorer, heldOut, settings.ratio);
    for (const ScorerSample* sample : heldOut)
        result.heldOutNames.push_back(sample->name);
    result.sharedPrefix = sharedPrefix(heldOut, training);
    return result;
}

} // namespace kvviz::capture
