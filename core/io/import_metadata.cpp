// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Each key of the metadata with the field it fills.
#include "core/io/import_metadata.hpp"

#include "core/error.hpp"
#include "core/io/json_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <functional>
#include <limits>

namespace kvviz::io {
namespace {

using core::Error;
using core::ErrorCode;
using Json = nlohmann::json;

/// A value with what is said when it is another one than expected.
class Field {
public:
    Field(const Json& value, std::string place) : m_value(value), m_place(std::move(place)) {}

    [[noreturn]] void refuse(const std::string& expected) const
    {
        throw Error(ErrorCode::badInput, fmt::format("{}: expected {}", m_place, expected));
    }
    [[nodiscard]] std::string text() const
    {
        if (!m_value.is_string())
            refuse("a text");
        return m_value.get<std::string>();
    }
    [[nodiscard]] std::int64_t whole(std::int64_t least) const
    {
        if (!m_value.is_number_integer() || m_value.get<std::int64_t>() < least
            || m_value.get<std::int64_t>() > std::numeric_limits<int>::max())
            refuse(fmt::format("a whole number from {}", least));
        return m_value.get<std::int64_t>();
    }
    [[nodiscard]] double positive() const
    {
        const double value = m_value.is_number() ? m_value.get<double>() : 0;
        if (!(value > 0) || !std::isfinite(value))
            refuse("a positive number");
        return value;
    }
    [[nodiscard]] std::vector<Field> list() const
    {
        if (!m_value.is_array())
            refuse("a list");
        std::vector<Field> fields;
        for (std::size_t i = 0; i < m_value.size(); ++i)
            fields.emplace_back(m_value[i], fmt::format("{}[{}]", m_place, i));
        return fields;
    }
    [[nodiscard]] std::vector<float> positives() const
    {
        std::vector<float> values;
        for (const Field& field : list())
            values.push_back(static_cast<float>(field.positive()));
        return values;
    }
    [[nodiscard]] std::string oneOf(std::initializer_list<const char*> words) const
    {
        std::string all;
        for (const char* word : words) {
            if (m_value.is_string() && m_value.get<std::string>() == word)
                return word;
            all += std::string(all.empty() ? "" : ", ") + word;
        }
        refuse("one of " + all);
    }
    [[nodiscard]] Field at(const char* key) const
    {
        if (!m_value.is_object() || !m_value.contains(key))
            refuse(fmt::format("an object with '{}'", key));
        return {m_value.at(key), fmt::format("{}.{}", m_place, key)};
    }
    [[nodiscard]] bool has(const char* key) const { return m_value.is_object() && m_value.contains(key); }
    [[nodiscard]] const Json& json() const { return m_value; }

private:
    const Json& m_value;
    std::string m_place;
};

std::vector<core::Segment> segmentsOf(const Field& field)
{
    std::vector<core::Segment> segments;
    std::map<core::SegmentKind, int> counts;
    for (const Field& item : field.list()) {
        const auto kind = core::segmentKindFromName(item.at("kind").text());
        if (!kind)
            item.at("kind").refuse("bos, system, instruction, shot, question, answer or generated");
        core::Segment segment;
        segment.kind = *kind;
        const int number = counts[*kind]++;
        segment.index = item.has("index") ? static_cast<int>(item.at("index").whole(0)) : number;
        segment.span = {item.at("begin").whole(0), item.at("end").whole(0)};
        segment.label = item.has("label") ? item.at("label").text()
            : *kind == core::SegmentKind::shot ? fmt::format("shot {}", segment.index + 1)
                                               : std::string(core::segmentKindName(*kind));
        segments.push_back(std::move(segment));
    }
    return segments;
}

std::vector<int> windowsOf(const Field& field)
{
    std::vector<int> windows;
    for (const Field& item : field.list())
        windows.push_back(static_cast<int>(item.whole(0)));
    return windows;
}

using Setter = std::function<void(const Field&)>;

std::map<std::string, Setter> settersOf(ImportMetadata& result)
{
    core::CaptureInfo& info = result.info;
    core::ModelInfo& model = info.model;
    const auto text = [](std::string& to) { return [&to](const Field& f) { to = f.text(); }; };
    const auto size = [](int& to) { return [&to](const Field& f) { to = static_cast<int>(f.whole(0)); }; };
    const auto real = [](double& to) { return [&to](const Field& f) { to = f.positive(); }; };
    return {
        {"model", text(model.name)}, {"arch", text(model.arch)}, {"sha256", text(model.sha256)},
        {"head_dim", size(model.headDim)}, {"hidden_size", size(model.hiddenSize)}, {"vocab_size", size(model.vocabSize)},
        {"context_length", size(model.contextLength)},
        {"rope_theta", real(model.ropeTheta)},
        {"rope_frequencies", [&model](const Field& f) { model.ropeFrequencies = f.positives(); }},
        {"rope_frequencies_local", [&model](const Field& f) { model.localRopeFrequencies = f.positives(); }},
        {"rope_dim", size(model.ropeDim)}, {"rope_scaling", text(model.ropeScaling)},
        {"rope_factor", real(model.ropeFactor)}, {"score_scale", real(model.scoreScale)},
        {"score_cap", real(model.scoreCap)},
        {"sliding_windows", [&model](const Field& f) { model.slidingWindows = windowsOf(f); }},
        {"dtype", text(info.dtype)}, {"task", text(info.prompt.task)}, {"id", text(info.prompt.id)},
        {"target", text(info.prompt.target)}, {"answer", text(info.prompt.answer)},
        {"continuation", [&info](const Field& f) { info.prompt.continuation = f.oneOf({"none", "greedy", "gold"}); }},
        {"n_prompt", [&result](const Field& f) { result.nPrompt = f.whole(1); }},
        {"segments", [&info](const Field& f) { info.segments = segmentsOf(f); }},
        {"tokens", [&result](const Field& f) {
             for (const Field& item : f.list())
                 result.tokens.push_back(item.text());
         }},
    };
}

} // namespace

std::string ownMetadata(ArraySource& source)
{
    const std::map<std::string, std::string> texts = source.texts();
    if (const auto found = texts.find("metadata"); found != texts.end())
        return found->second;
    const NamedArray* const array = source.find("metadata");
    if (array == nullptr)
        return {};
    if (array->type == ElementType::text && array->elements() == 1)
        return source.strings(*array).front();
    if (array->type != ElementType::u8)
        throw Error(ErrorCode::badInput, fmt::format("'{}': the array 'metadata' is {} {}, expected one text",
                                                     source.path(), elementTypeName(array->type), array->shapeText()));
    if (static_cast<std::uint64_t>(array->elements()) > kMostMetadata)
        throw Error(ErrorCode::badInput, fmt::format("'{}': the array 'metadata' has {} bytes, expected at most {}",
                                                     source.path(), array->elements(), kMostMetadata));
    std::string text(static_cast<std::size_t>(array->elements()), '\0');
    source.read(*array, 0, array->elements(), reinterpret_cast<std::byte*>(text.data()));
    return text;
}

ImportMetadata parseImportMetadata(const std::string& text, const std::string& place)
{
    ImportMetadata result;
    result.info.prompt.task = "import";
    result.info.prompt.continuation.clear(); // said by describeImport unless it is given
    if (text.empty())
        return result;
    const Json json = parseJson(text, place);
    if (!json.is_object())
        throw Error(ErrorCode::badInput, fmt::format("{} is no JSON object", place));
    const std::map<std::string, Setter> setters = settersOf(result);
    for (const auto& [key, value] : json.items()) {
        if (const auto setter = setters.find(key); setter != setters.end())
            setter->second(Field(value, fmt::format("{}: {}", place, key)));
        else
            result.info.extra[key] = value.is_string() ? value.get<std::string>()
                                                       : value.dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    if (json.contains("rope_dim") && result.info.model.ropeDim == 0)
        result.rotation = Rotation::none;
    else if (json.contains("rope_theta") || json.contains("rope_frequencies"))
        result.rotation = Rotation::known;
    return result;
}

} // namespace kvviz::io
