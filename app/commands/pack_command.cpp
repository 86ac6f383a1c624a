// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz pack.
#include "app/commands.hpp"
#include "app/commands/capture_summary.hpp"
#include "app/console.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

namespace kvviz::app {

int runPack(const PackOptions& options, const CommonOptions& common)
{
    std::vector<io::CaptureRef> captures = capturesOf(options.inputs);
    // A second run finds its own output among the inputs when it lies in the same folder.
    std::error_code ignored;
    std::erase_if(captures, [&](const io::CaptureRef& ref) {
        return std::filesystem::equivalent(ref.file, options.output, ignored);
    });
    if (captures.empty())
        throw core::Error(core::ErrorCode::badInput, "nothing to pack: the only input is the output itself");
    const int members = io::packCaptures(captures, options.output, options.force,
                                         options.linked ? io::PackKind::linked : io::PackKind::copied);
    const std::uint64_t bytes = std::filesystem::file_size(options.output, ignored);
    if (common.json) {
        Json report = jsonReport("pack");
        report["output"] = options.output;
        report["members"] = members;
        report["bytes"] = bytes;
        report["virtual"] = options.linked;
        printJson(report);
    } else {
        printOut(fmt::format("{}: {} captures{}, {}\n", options.output, members,
                             options.linked ? " as links; keep them where they are" : "", core::humanBytes(bytes)));
    }
    return 0;
}

} // namespace kvviz::app
