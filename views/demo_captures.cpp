// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/demo_captures.hpp"

#include "core/error.hpp"
#include "views/path_edit.hpp"
#include "views/resources.hpp"

#include <fmt/format.h>

#include <QDir>
#include <QFile>
#include <QTemporaryDir>

namespace kvviz::views {

namespace {

/// Removed with the files when the program ends.
const QTemporaryDir& demoFolder()
{
    static const QTemporaryDir folder(QDir::tempPath() + QStringLiteral("/kvviz-demo-XXXXXX"));
    if (!folder.isValid())
        throw core::Error(core::ErrorCode::failure,
                          fmt::format("no temporary folder for the bundled captures could be made: {}",
                                      folder.errorString().toStdString()));
    return folder;
}

std::vector<std::filesystem::path> unpacked(const QString& pattern)
{
    useResources();
    std::vector<std::filesystem::path> files;
    for (const QString& name : QDir(QStringLiteral(":/demo")).entryList({pattern}, QDir::Files, QDir::Name)) {
        const QString target = demoFolder().filePath(name);
        if (!QFile::exists(target) && !QFile::copy(QStringLiteral(":/demo/") + name, target))
            throw core::Error(
                core::ErrorCode::failure,
                fmt::format("'{}' cannot be written; is there room in the temporary folder?", target.toStdString()));
        files.push_back(toPath(target));
    }
    return files;
}

} // namespace

std::vector<std::filesystem::path> demoCaptures() { return unpacked(QStringLiteral("*.kvh5")); }

std::vector<std::filesystem::path> demoResults() { return unpacked(QStringLiteral("*.kvres.h5")); }

} // namespace kvviz::views
