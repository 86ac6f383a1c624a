// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The second method sees the plan of the first as LayerInput::base and adds its change to it.
#include "compress/composed.hpp"

#include "core/error.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

/// One survey for each of the two, either may be missing.
struct PairSurvey final : Survey {
    std::unique_ptr<Survey> first, second;
    void look(const LayerInput& input) override
    {
        for (Survey* part : {first.get(), second.get()})
            if (part)
                part->look(input);
    }
    void finish() override
    {
        for (Survey* part : {first.get(), second.get()})
            if (part)
                part->finish();
    }
};

/// Both parameter lists under "name.parameter", so that a result row names everything.
Params joinedParams(const Method& first, const Method& second)
{
    std::map<std::string, std::string, std::less<>> values;
    for (const Method* part : {&first, &second})
        for (const auto& [name, value] : part->params().all())
            values[part->info().name + "." + name] = value;
    const std::string variant = first.params().variant() + "+" + second.params().variant();
    return Params(first.info().name + "+" + second.info().name, variant == "+" ? "" : variant, std::move(values));
}

class Composed final : public Method {
public:
    Composed(std::unique_ptr<Method> first, std::unique_ptr<Method> second)
        : m_first(std::move(first)), m_second(std::move(second)), m_params(joinedParams(*m_first, *m_second))
    {
        const MethodInfo &a = m_first->info(), &b = m_second->info();
        m_info.name = a.name + "+" + b.name;
        m_info.title = a.title + " + " + b.title;
        m_info.klass = a.klass + "+" + b.klass;
        m_info.acts = a.acts + "; then " + b.acts;
        m_info.idea = a.idea + " What it keeps is then changed: " + b.idea;
        m_info.equation = a.equation + "; then " + b.equation;
        m_info.source = a.source + "; " + b.source;
    }
    [[nodiscard]] const MethodInfo& info() const override { return m_info; }
    [[nodiscard]] const Params& params() const override { return m_params; }
    [[nodiscard]] core::Need needs() const override { return m_first->needs() | m_second->needs(); }
    [[nodiscard]] core::Need promptNeeds() const override { return m_first->promptNeeds() | m_second->promptNeeds(); }
    [[nodiscard]] bool usesFuture() const override { return m_first->usesFuture() || m_second->usesFuture(); }
    [[nodiscard]] bool usesEarlier() const override { return m_first->usesEarlier() || m_second->usesEarlier(); }
    [[nodiscard]] std::string liveObstacle() const override
    {
        const std::string first = m_first->liveObstacle();
        return first.empty() ? m_second->liveObstacle() : first;
    }
    [[nodiscard]] BudgetUse budgetUse() const override { return m_first->budgetUse(); }
    [[nodiscard]] std::int64_t draws() const override { return m_first->draws(); }
    [[nodiscard]] bool composes() const override { return false; }
    [[nodiscard]] std::string obstacle(const core::CaptureInfo& info, const core::ModelTables* tables) const override
    {
        const std::string first = m_first->obstacle(info, tables);
        return first.empty() ? m_second->obstacle(info, tables) : first;
    }
    [[nodiscard]] std::unique_ptr<Survey> makeSurvey() const override
    {
        auto survey = std::make_unique<PairSurvey>();
        survey->first = m_first->makeSurvey();
        survey->second = m_second->makeSurvey();
        if (!survey->first && !survey->second)
            return nullptr;
        return survey;
    }
    [[nodiscard]] LayerPlan plan(const LayerInput& input, const Budget& budget) const override
    {
        const auto* const surveys = static_cast<const PairSurvey*>(input.survey);
        LayerInput part = input;
        part.survey = surveys ? surveys->first.get() : nullptr;
        const LayerPlan base = m_first->plan(part, budget);
        part.survey = surveys ? surveys->second.get() : nullptr;
        part.base = &base;
        LayerPlan result = m_second->plan(part, budget);
        result.tiesAtCut += base.tiesAtCut;
        for (const std::string& flag : base.flags)
            if (std::find(result.flags.begin(), result.flags.end(), flag) == result.flags.end())
                result.flags.push_back(flag);
        result.facts.insert(base.facts.begin(), base.facts.end());
        return result;
    }
    [[nodiscard]] StepRules stepRules(const LayerInput& input, const LayerPlan& plan,
                                      const Budget& budget) const override
    {
        const auto* const surveys = static_cast<const PairSurvey*>(input.survey);
        LayerInput part = input;
        part.survey = surveys ? surveys->first.get() : nullptr;
        return m_first->stepRules(part, plan, budget);
    }

private:
    std::unique_ptr<Method> m_first, m_second;
    Params m_params;
    MethodInfo m_info;
};

} // namespace

std::unique_ptr<Method> compose(std::unique_ptr<Method> first, std::unique_ptr<Method> second)
{
    if (!second->composes())
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("'{}' cannot follow '+': it does not change what another method keeps; "
                                      "quantization and channel pruning do, as in snapkv+kivi",
                                      second->info().name));
    const std::string& klass = first->info().klass;
    if (klass != "E" && klass != "E+" && klass != "T")
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("'{}' cannot stand before '+': only evictions that leave keys and values as they "
                                      "are can",
                                      first->info().name));
    return std::make_unique<Composed>(std::move(first), std::move(second));
}

} // namespace kvviz::compress
