// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Progress for programs that start kvviz.
#include "tests/cli/process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"

#include <fmt/format.h>

using namespace kvviz;
using Catch::Contains;

TEST_CASE("progress is one readable line each where a program asks for it", "[cli]")
{
    const test::ScratchFolder folder;
    test::writeSynthetic(test::SyntheticCapture(), folder / "a.kvh5");
    const std::string replay = fmt::format("'{}/kvviz' replay '{}' --methods snapkv --ratios 0.5 --no-output",
                                           KVVIZ_BIN_DIR, (folder / "a.kvh5").string());
    const test::Outcome asked = test::runShell("KVVIZ_PROGRESS=lines " + replay);
    INFO(asked.err);
    CHECK(asked.status == 0);
    CHECK_THAT(asked.err, Contains("@progress 0 2 replay\n") && Contains("@progress 2 2 replay\n"));
    CHECK_THAT(asked.out, Contains("snapkv") && !Contains("@progress"));
    CHECK_THAT(test::runShell(replay).err, !Contains("@progress"));
    CHECK_THAT(test::runShell("KVVIZ_PROGRESS=lines " + replay + " -q").err, !Contains("@progress"));
}
