// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Layer by layer from the arrays to the writer.
#include "core/io/capture_import.hpp"

#include "core/error.hpp"
#include "core/input_file.hpp"
#include "core/io/capture_writer.hpp"
#include "core/io/import_agreement.hpp"
#include "core/io/import_layer.hpp"
#include "core/io/import_logits.hpp"
#include "core/parallel.hpp"
#include "core/pooling.hpp"
#include "core/row_statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace kvviz::io {
namespace {

using core::Tier;

class Import {
public:
    Import(ArraySource& source, const ImportSettings& settings)
        : m_settings(settings), m_description(describeImport(source, settings.metadata)),
          m_place(fmt::format("'{}': ", source.path()))
    {
        core::CaptureInfo& info = m_description.info;
        info.creator = settings.creator;
        info.created = settings.created;
        info.commandLine = settings.commandLine;
        info.window = std::min(settings.window, info.nPrompt());
        info.extra["source"] = std::filesystem::path(source.path()).filename().string();
        const bool cache = m_description.key.isThere() && m_description.query.isThere()
                           && m_description.rotation != Rotation::unknown;
        info.tier = cache ? settings.tier : Tier::stats; // that all arrays of the tier are there is what a tier says
    }

    ImportSummary write(ArraySource& source, const std::filesystem::path& output, const core::Progress& progress)
    {
        const core::CaptureInfo& info = m_description.info;
        CaptureWriter writer(output, info, writerOptions());
        ImportSummary summary;
        for (std::int64_t layer = 0; layer < info.model.nLayers; ++layer) {
            progress.throwIfStopped();
            progress("import", layer, info.model.nLayers);
            summary.scaledRows += writeLayer(writer, layer);
        }
        const ImportedLogits logits = loadLogits(source, info);
        if (!logits.known)
            m_description.missing.emplace_back("log-probabilities ('logits' or 'logprob')");
        writer.writeLogits(logits.logprob, logits.topIds, logits.topLogprobs, logits.topK);
        writer.finish(info);
        summary.info = info;
        summary.missing = m_description.missing;
        summary.ignored = m_description.ignored;
        summary.fileBytes = std::filesystem::file_size(output);
        return summary;
    }

private:
    [[nodiscard]] WriterOptions writerOptions() const
    {
        const std::int64_t n = m_description.info.nPrompt();
        WriterOptions options;
        options.rowsType = m_settings.rowsType;
        options.cacheType = m_settings.cacheType;
        options.mapType = m_settings.mapType;
        options.force = m_settings.force;
        if (m_settings.tier >= Tier::map) {
            options.mapLevels = core::MapPyramid::levelCount(n, m_settings.mapCap);
            options.mapCells = core::MapPyramid::levelCells(n, m_settings.mapCap, 0);
        }
        return options;
    }

    /// Returns the number of rows that were scaled.
    std::int64_t writeLayer(CaptureWriter& writer, std::int64_t layer) const
    {
        const core::CaptureInfo& info = m_description.info;
        const ImportedRows rows = loadRows(m_description, layer, m_place);
        core::RowStatistics statistics(rows.heads, info.nPrompt(), rows.total, info.window, info.sinkTokens);
        core::parallelFor(rows.heads, [&](std::int64_t head) {
            for (std::int64_t query = 0; query < rows.total; ++query)
                statistics.add(head, query, rows.row(head, query));
        });
        LayerArrays arrays;
        arrays.nGenerated = info.nGenerated();
        arrays.received = statistics.received();
        arrays.receivedWindow = statistics.receivedWindow();
        arrays.receivedSq = statistics.receivedSq();
        arrays.receivedSqFar = statistics.receivedSqFar();
        arrays.entropy = statistics.entropy();
        arrays.sinkMass = statistics.sinkMass();
        Exact exact;
        if (m_settings.tier >= Tier::cache)
            exact = loadExact(rows, layer);
        arrays.windowRows = exact.windowRows;
        arrays.decodeRows = exact.decodeRows;
        arrays.key = exact.key;
        arrays.value = exact.value;
        arrays.query = exact.query;
        arrays.queryMean = exact.statistics.mean;
        arrays.queryCovariance = exact.statistics.covariance;
        writer.writeLayer(layer, arrays);
        if (m_settings.tier >= Tier::map)
            writeMaps(writer, rows, layer);
        return rows.scaled;
    }

    /// What tier cache adds.
    struct Exact {
        std::vector<float> windowRows, decodeRows, key, value, query;
        QueryStatistics statistics;
    };

    [[nodiscard]] Exact loadExact(const ImportedRows& rows, std::int64_t layer) const
    {
        const core::CaptureInfo& info = m_description.info;
        Exact exact;
        exact.windowRows = windowRowsOf(rows, info);
        exact.decodeRows = decodeRowsOf(rows, info);
        if (m_description.key.isThere()) {
            exact.key = loadFinite(m_description.key, layer, m_settings.cacheType, m_place);
            exact.value = loadFinite(m_description.value, layer, m_settings.cacheType, m_place);
        }
        if (m_description.query.isThere()) {
            std::vector<float> queries = loadFinite(m_description.query, layer, m_settings.cacheType, m_place);
            const auto number = static_cast<int>(layer);
            if (m_description.rawQueries) {
                exact.statistics = queryStatisticsOf(queries, info);
                turnQueries(queries, info, number, 1);
            }
            if (m_description.key.isThere())
                requireAgreement(m_description, rows, {queries, exact.key, isCoarse(m_description, exact.key)}, layer, m_place);
            exact.query = cacheQueriesOf(queries, info);
            if (!m_description.rawQueries && m_description.rotation != Rotation::unknown) {
                turnQueries(queries, info, number, -1);
                exact.statistics = queryStatisticsOf(queries, info);
            }
        }
        return exact;
    }

    void writeMaps(CaptureWriter& writer, const ImportedRows& rows, std::int64_t layer) const
    {
        const std::int64_t n = m_description.info.nPrompt(), headStride = rows.total * rows.total;
        core::MapPyramid pyramid(static_cast<int>(rows.heads), n, m_settings.mapCap);
        core::parallelFor(rows.heads, [&](std::int64_t head) {
            pyramid.addHeadRows(static_cast<int>(head), 0, n, rows.row(head, 0), rows.total);
        });
        const std::vector<core::PyramidLevel> levels = pyramid.result();
        for (std::size_t i = 0; i < levels.size(); ++i)
            writer.writeMapLevel(layer, static_cast<int>(i), levels[i].cells, levels[i].max, levels[i].mean);
        if (m_settings.tier < Tier::full)
            return;
        for (std::int64_t begin = 0; begin < n; begin += kMapChunk)
            writer.writeFullRows(layer, begin, std::min(kMapChunk, n - begin), rows.row(0, begin), headStride, rows.total);
    }

    ImportSettings m_settings;
    ImportDescription m_description;
    std::string m_place;
};

} // namespace

std::string readMetadataFile(const std::filesystem::path& file)
{
    std::string text = core::readInputText(file, kMostMetadata);
    if (text.empty())
        throw core::Error(core::ErrorCode::badInput, fmt::format("'{}' is empty; give the JSON that docs/import.md describes",
                                                                 file.string()));
    return text;
}

ImportSummary importCapture(const std::filesystem::path& input, const std::filesystem::path& output,
                            const ImportSettings& settings, const core::Progress& progress)
{
    const std::unique_ptr<ArraySource> source = openArrays(input);
    return Import(*source, settings).write(*source, output, progress);
}

} // namespace kvviz::io
