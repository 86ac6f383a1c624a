// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The message of the error that a call must throw.
#pragma once

#include "core/error.hpp"
#include "tests/support/catch.hpp"

#include <string>

namespace kvviz::test {

/// Runs `call`, which must throw Error(badInput), and gives its message; any other exception fails the test.
template <class Call> std::string badInputMessage(const Call& call)
{
    try {
        call();
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::badInput);
        return error.what();
    }
    FAIL_CHECK("no error was thrown");
    return {};
}

} // namespace kvviz::test
