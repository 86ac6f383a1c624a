// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/map_readout.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "views/map_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kvviz::plot {

namespace {

constexpr std::size_t kTextBytes = 200;

/// At most kTextBytes, not cut inside of a character.
std::string beginningOf(std::string_view text)
{
    if (text.size() <= kTextBytes)
        return std::string(text);
    std::size_t end = kTextBytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
        --end;
    return std::string(text.substr(0, end)) + "\u2026";
}

/// Blanks that would not be seen, at the ends and in rows, as dots in the middle of the line.
std::string visibleBlanks(const std::string& text)
{
    std::string shown;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool lonely = i > 0 && i + 1 < text.size() && text[i - 1] != ' ' && text[i + 1] != ' ';
        shown += text[i] == ' ' && !lonely ? "\u00b7" : text.substr(i, 1);
    }
    return shown;
}

std::string valueText(float value) { return std::isnan(value) ? "masked" : fmt::format("{:.3g}", value); }

float valueIn(const MapCells& cells, double query, double key)
{
    const bool decode = cells.decode.rows > 0 && query >= cells.decode.queryBegin;
    const io::MapTile& fine = decode ? cells.decode : cells.prompt;
    const float value = tileValue(fine, query, key);
    if (std::isnan(value) && std::floor(key) > std::floor(query))
        return value; // masked; a coarse cell would have a number of earlier keys there
    return std::isnan(value) ? tileValue(decode ? cells.wholeDecode : cells.wholePrompt, query, key) : value;
}

std::string keptText(const KeptMarks& kept, std::int64_t key)
{
    if (key < 0 || key >= static_cast<std::int64_t>(kept.together.size()))
        return "";
    std::int64_t there = 0, stays = 0;
    for (const KeptRow& row : kept.rows) {
        const KeyState state = row.keys.at(static_cast<std::size_t>(key));
        there += state == KeyState::absent ? 0 : 1;
        stays += state == KeyState::kept ? 1 : 0;
    }
    if (there == 0)
        return "";
    if (kept.rows.size() > 1 && stays > 0 && stays < there)
        return fmt::format("   kept by {} of {} KV heads", stays, there);
    return stays > 0 ? "   kept" : "   evicted";
}

/// Sum over `keys` of cells of one row, each standing for the mean of its keys.
double sumOver(const io::MapTile& row, core::Span keys)
{
    const double cell = (row.keyEnd - row.keyBegin) / static_cast<double>(row.columns);
    double sum = 0;
    for (std::int64_t c = 0; c < row.columns; ++c) {
        const double begin = std::max(row.keyBegin + static_cast<double>(c) * cell, static_cast<double>(keys.begin));
        const double end = std::min(row.keyBegin + static_cast<double>(c + 1) * cell, static_cast<double>(keys.end));
        const float value = row.values[static_cast<std::size_t>(c)];
        if (begin < end && !std::isnan(value))
            sum += (end - begin) * static_cast<double>(value);
    }
    return sum;
}

RowShare decodeShare(const MapSource& source, std::int64_t step, core::Span keys)
{
    const core::LayerData layer = source.reader->loadLayer(source.slot, core::Need::decodeRows);
    if (step >= layer.t)
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("'{}' holds {} decode rows, not row {}", source.reader->name(), layer.t, step));
    RowShare result;
    for (const std::int64_t head : source.heads) {
        const float* row = layer.decodeRow(static_cast<int>(head), step);
        for (std::int64_t k = keys.begin; k < std::min(keys.end, layer.n + step + 1); ++k)
            result.share += static_cast<double>(row[k]) / static_cast<double>(source.heads.size());
    }
    return result;
}

} // namespace

std::string tokenName(const core::CaptureInfo& info, std::int64_t token)
{
    if (token < 0 || token >= info.tokens.size())
        return std::to_string(token);
    return fmt::format("{} \u201c{}\u201d", token, info.tokens.displayText(token));
}

std::string cellReadout(const LoadedMap& map, const KeptMarks& kept, double query, double key)
{
    const core::CaptureInfo& info = map.reader->info();
    const auto keyToken = static_cast<std::int64_t>(std::floor(key));
    std::string text =
        fmt::format("query {}   key {}   {}", tokenName(info, static_cast<std::int64_t>(std::floor(query))),
                    tokenName(info, keyToken), valueText(valueIn(map.cells, query, key)));
    if (map.other)
        text += fmt::format("   (A {}, B {})", valueText(valueIn(map.a, query, key)),
                            valueText(valueIn(map.b, query, key)));
    return text + keptText(kept, keyToken);
}

std::string rowTable(const LoadedMap& map, std::int64_t query, core::Span keys)
{
    const core::CaptureInfo& info = map.reader->info();
    const bool decode = map.cells.decode.rows > 0 && query >= map.cells.decode.queryBegin;
    const io::MapTile& tile = decode ? map.cells.decode : map.cells.prompt;
    const double middle = static_cast<double>(query) + 0.5;
    const double cell = tile.columns > 0 ? (tile.keyEnd - tile.keyBegin) / static_cast<double>(tile.columns) : 1;
    const auto step = std::max<std::int64_t>(1, std::llround(cell));
    const auto number = [](float value) { return std::isnan(value) ? std::string() : fmt::format("{:.6g}", value); };
    std::string table = fmt::format("first key\tlast key\ttext\tquery {}", query);
    table += map.other ? "\tA\tB\n" : "\n";
    for (std::int64_t key = keys.begin; key < keys.end; key += step) {
        const double at = static_cast<double>(key) + 0.5;
        std::string text = key < info.tokens.size() ? info.tokens.displayText(key) : "";
        std::replace(text.begin(), text.end(), '\t', ' ');
        table += fmt::format("{}\t{}\t{}\t{}", key, std::min(key + step, keys.end) - 1, text,
                             number(valueIn(map.cells, middle, at)));
        if (map.other)
            table += "\t" + number(valueIn(map.a, middle, at)) + "\t" + number(valueIn(map.b, middle, at));
        table += "\n";
    }
    return table;
}

std::string segmentReadout(const core::CaptureInfo& info, const SegmentMark& mark)
{
    std::string label;
    for (const core::Segment& segment : info.segments)
        if (segment.span == mark.span && segment.kind == mark.kind)
            label = segment.label;
    if (label.empty())
        label = core::segmentKindName(mark.kind);
    const core::Span span{std::clamp<std::int64_t>(mark.span.begin, 0, info.tokens.size()),
                          std::clamp<std::int64_t>(mark.span.end, 0, info.tokens.size())};
    const auto byteOf = [&](std::int64_t token) {
        return static_cast<std::size_t>(info.tokens.offsets.at(static_cast<std::size_t>(token)));
    };
    const std::string_view bytes =
        std::string_view(info.tokens.bytes).substr(byteOf(span.begin), byteOf(span.end) - byteOf(span.begin));
    return fmt::format("{}{}, tokens {} to {}:  {}", mark.label.empty() ? "" : mark.label + " ",
                       mark.label.empty() ? label : "(" + label + ")", span.begin, span.end - 1,
                       visibleBlanks(core::displayBytes(beginningOf(bytes))));
}

RowShare rowShare(const MapSource& source, std::int64_t query, core::Span keys)
{
    const core::CaptureInfo& info = source.reader->info();
    if (query >= info.nPrompt())
        return decodeShare(source, query - info.nPrompt(), keys);
    const core::Span causal{std::max<std::int64_t>(0, keys.begin), std::min(keys.end, query + 1)};
    RowShare result;
    if (causal.empty())
        return result;
    for (const std::int64_t head : source.heads) {
        const io::MapTile row = source.reader->tile(source.slot, head, {query, query + 1}, causal, 1, causal.size(),
                                                    io::Pooling::mean);
        result.share += sumOver(row, causal) / static_cast<double>(source.heads.size());
        if (row.queryEnd - row.queryBegin > 1)
            result.averaged = {static_cast<std::int64_t>(row.queryBegin), static_cast<std::int64_t>(row.queryEnd)};
    }
    return result;
}

std::string shareText(const RowShare& share, core::Span keys)
{
    const std::string range =
        keys.size() == 1 ? fmt::format("key {}", keys.begin) : fmt::format("keys {} to {}", keys.begin, keys.end - 1);
    const std::string percent = fmt::format("{:.3g} %", 100 * share.share);
    if (share.averaged.empty())
        return fmt::format("{}: {} of the row", range, percent);
    return fmt::format("{}: about {} (mean of queries {} to {})", range, percent, share.averaged.begin,
                       share.averaged.end - 1);
}

} // namespace kvviz::plot
