// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One function says the fields of a table, for both directions: numbers first, then the arrays whose shapes they give.
#include "core/io/tables.hpp"

#include "core/io/capture_info_io.hpp"
#include "core/io/capture_layout.hpp"
#include "core/io/dimension_scales.hpp"
#include "core/io/h5_values.hpp"
#include "core/io/open_capture.hpp"
#include "core/io/output_file.hpp"
#include "core/io/part_file.hpp"
#include "core/io/table_checks.hpp"
#include "core/io/text_copy.hpp"

#include <fmt/format.h>

#include <concepts>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <type_traits>

namespace kvviz::io {

using core::Error;
using core::ErrorCode;

namespace {

using Labels = std::vector<const char*>;

std::vector<hsize_t> dims(std::integral auto... sizes) { return {static_cast<hsize_t>(sizes)...}; }

template <typename Table, typename Visit>
void visitHeads(Table& t, Visit&& visit)
{
    visit.number("n_layers", t.layers), visit.number("n_heads", t.heads), visit.number("samples", t.samples);
    visit.array("importance", t.values, dims(t.layers, t.heads), Labels{"layer", "head"});
}

template <typename Table, typename Visit>
void visitWeights(Table& t, Visit&& visit)
{
    visit.number("n_layers", t.layers), visit.number("kv_width", t.kvWidth);
    const auto matrices = dims(t.layers, t.kvWidth, t.kvWidth), values = dims(t.layers, t.kvWidth);
    const Labels labels{"layer", "direction", "channel"};
    visit.array("key_basis", t.keyBasis, matrices, labels);
    visit.array("value_basis", t.valueBasis, matrices, labels);
    visit.array("key_singular", t.keySingular, values, Labels{"layer", "direction"});
    visit.array("value_singular", t.valueSingular, values, Labels{"layer", "direction"});
    visit.optionalArray("key_read", t.keyRead, matrices, labels);
    visit.optionalArray("key_write", t.keyWrite, matrices, labels);
    visit.optionalArray("value_read", t.valueRead, matrices, labels);
    visit.optionalArray("value_write", t.valueWrite, matrices, labels);
}

template <typename Table, typename Visit>
void visitScorer(Table& t, Visit&& visit)
{
    visit.number("layer", t.layer), visit.number("inputs", t.inputs), visit.number("hidden", t.hidden);
    visit.number("captures", t.captures), visit.number("b2", t.b2);
    visit.array("mean", t.mean, dims(t.inputs), Labels{"input"});
    visit.array("scale", t.scale, dims(t.inputs), Labels{"input"});
    visit.array("w1", t.w1, dims(t.hidden, t.inputs), Labels{"hidden", "input"});
    visit.array("b1", t.b1, dims(t.hidden), Labels{"hidden"});
    visit.array("w2", t.w2, dims(t.hidden), Labels{"hidden"});
}

template <typename Table, typename Visit>
void visitSharing(Table& t, Visit&& visit)
{
    auto layers = std::ssize(t.source);
    visit.number("n_layers", layers), visit.number("threshold", t.threshold), visit.number("sentences", t.sentences);
    visit.array("source", t.source, dims(layers), Labels{"layer"});
    visit.array("similarity", t.similarity, dims(layers), Labels{"layer"});
}

struct TableWriter {
    hid_t group;
    std::string where;

    template <typename T>
    void number(const char* name, T value)
    {
        if constexpr (std::is_floating_point_v<T>)
            writeAttribute(group, name, static_cast<double>(value));
        else
            writeAttribute(group, name, static_cast<std::int64_t>(value));
    }
    template <typename T>
    void array(const char* name, const std::vector<T>& values, const std::vector<hsize_t>& shape, const Labels& labels)
    {
        if (values.size() != std::accumulate(shape.begin(), shape.end(), hsize_t{1}, std::multiplies<>()))
            throw Error(ErrorCode::failure, fmt::format("{}{}: {} values do not fill the shape {}", where, name,
                                                        values.size(), shapeText(shape)));
        writeDataset(group, name, std::span<const T>(values), shape);
        labelAxes(openDataset(group, name, where).get(), labels);
    }
    template <typename T>
    void optionalArray(const char* name, const std::vector<T>& values, const std::vector<hsize_t>& shape,
                       const Labels& labels)
    {
        if (!values.empty())
            array(name, values, shape, labels);
    }
};

struct TableReader {
    hid_t group;
    std::string where; ///< "'x.kvtab.h5': /heads/"

    template <typename T>
    void number(const char* name, T& value)
    {
        const std::string place = where.substr(0, where.size() - 1);
        if constexpr (std::is_floating_point_v<T>) {
            value = static_cast<T>(readReal(group, name, place));
        } else {
            const std::int64_t read = readInteger(group, name, place);
            if (read < 0 || read > std::numeric_limits<T>::max())
                throw Error(ErrorCode::badInput, fmt::format("{}: the attribute '{}' is {}", place, name, read));
            value = static_cast<T>(read);
        }
    }
    template <typename T>
    void array(const char* name, std::vector<T>& values, const std::vector<hsize_t>& shape, const Labels&)
    {
        if constexpr (std::is_same_v<T, float>)
            values = readFloats(group, name, shape, where);
        else if constexpr (std::is_same_v<T, double>)
            values = readDoubles(group, name, shape, where);
        else
            values = readInt32s(group, name, shape, where);
    }
    template <typename T>
    void optionalArray(const char* name, std::vector<T>& values, const std::vector<hsize_t>& shape,
                       const Labels& labels)
    {
        if (hasDataset(group, name))
            array(name, values, shape, labels);
    }
};

/// Calls work(group, table, fields) for each kind of table; fields(table, visit) says what is in it.
template <typename Tables, typename Work>
void eachTable(Tables& tables, Work&& work)
{
    work("heads", tables.heads, [](auto& table, auto&& visit) { visitHeads(table, visit); });
    work("weights", tables.weights, [](auto& table, auto&& visit) { visitWeights(table, visit); });
    work("scorer", tables.scorer, [](auto& table, auto&& visit) { visitScorer(table, visit); });
    work("sharing", tables.sharing, [](auto& table, auto&& visit) { visitSharing(table, visit); });
}

std::string placeOf(const std::filesystem::path& path) { return fmt::format("'{}': /", path.string()); }

/// Adds a line unless it is there.
void join(std::string& lines, const std::string& line)
{
    if (line.empty() || lines == line || ("\n" + lines + "\n").find("\n" + line + "\n") != std::string::npos)
        return;
    lines += (lines.empty() ? "" : "\n") + line;
}

} // namespace

void writeTables(const std::filesystem::path& path, const core::ModelTables& tables, bool force)
{
    const std::string where = placeOf(path);
    checkTables(tables, ErrorCode::failure, where);
    PartFile part(path, force);
    part.claim();
    guarded(where, [&] {
        OutputFile file(part.partPath().string());
        const hid_t root = file.get();
        writeAttribute(root, "format", kTableFormat);
        writeAttribute(root, "format_version", kFormatVersion);
        writeAttribute(root, "creator", tables.creator);
        writeAttribute(root, "command_line", tables.commandLine);
        writeAttribute(root, "model_name", tables.modelName);
        writeAttribute(root, "model_sha256", tables.modelSha256);
        eachTable(tables, [&](const char* name, const auto& table, auto&& fields) {
            if (!table)
                return;
            const Handle group = createGroup(root, name);
            fields(*table, TableWriter{group.get(), fmt::format("{}{}/", where, name)});
        });
        writeProvenance(root, tables.extra);
        writeTextCopy(root, {"", "provenance"});
        writeAttribute(root, "complete", std::int64_t{1});
        file.finish();
        part.publish();
    });
}

core::ModelTables readTables(const std::filesystem::path& path)
{
    const std::string where = placeOf(path);
    return guarded(where, [&] {
        const Handle file = openFileForReading(path.string());
        const Handle root = openGroup(file.get(), "/", where);
        requireFormat(root.get(), kTableFormat, where);
        const TextCopy texts(root.get(), where);
        core::ModelTables tables;
        tables.creator = texts.read("", "creator");
        tables.commandLine = texts.read("", "command_line");
        tables.modelName = texts.read("", "model_name");
        tables.modelSha256 = texts.read("", "model_sha256");
        eachTable(tables, [&](const char* name, auto& table, auto&& fields) {
            if (!hasGroup(root.get(), name))
                return;
            const Handle group = openGroup(root.get(), name, where);
            fields(table.emplace(), TableReader{group.get(), fmt::format("{}{}/", where, name)});
        });
        tables.extra = readProvenance(root.get(), texts, where);
        checkTables(tables, ErrorCode::badInput, where);
        return tables;
    });
}

core::ModelTables mergeTables(const std::vector<std::filesystem::path>& paths)
{
    if (paths.empty())
        throw Error(ErrorCode::usage, "there are no table files to read");
    core::ModelTables merged;
    std::map<std::string, std::string> fileOf; // by kind of table
    for (const std::filesystem::path& path : paths) {
        core::ModelTables tables = readTables(path);
        if (&path == &paths.front()) {
            merged.modelName = tables.modelName;
            merged.modelSha256 = tables.modelSha256;
        } else if (tables.modelSha256 != merged.modelSha256) {
            throw Error(ErrorCode::badInput,
                        fmt::format("'{}' is of the model '{}' and '{}' of '{}'; give tables of one model",
                                    paths.front().string(), merged.modelName, path.string(), tables.modelName));
        }
        const auto take = [&](const char* kind, auto& into, auto& from) {
            if (!from)
                return;
            if (const auto [first, isNew] = fileOf.emplace(kind, path.string()); !isNew)
                throw Error(ErrorCode::badInput, fmt::format("'{}' and '{}' both hold the table /{}; give one of them",
                                                             first->second, path.string(), kind));
            into = std::move(from);
        };
        take("heads", merged.heads, tables.heads);
        take("weights", merged.weights, tables.weights);
        take("scorer", merged.scorer, tables.scorer);
        take("sharing", merged.sharing, tables.sharing);
        join(merged.creator, tables.creator);
        join(merged.commandLine, tables.commandLine);
        for (const auto& [name, text] : tables.extra)
            if (const auto [first, isNew] = merged.extra.emplace(name, text); !isNew && first->second != text)
                merged.extra.emplace(fmt::format("{} ({})", name, path.filename().string()), text);
    }
    return merged;
}

} // namespace kvviz::io
