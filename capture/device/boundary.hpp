// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The door where LibTorch's exceptions become ours: c10::Error never leaves the device runner.
#pragma once

#include "core/error.hpp"

#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include <string>

namespace kvviz::capture {

/// Runs `work` in inference mode. Throws Error(device).
template <class Work> auto atDeviceBoundary(Work&& work) -> decltype(work())
{
    try {
        const c10::InferenceMode inference;
        return work();
    } catch (const c10::OutOfMemoryError& error) {
        throw core::Error(core::ErrorCode::device,
                          std::string("the GPU's memory ran out although the run should have fitted; is another program "
                                      "using it? A shorter prompt, --dtype bfloat16 or one more device needs less: ")
                              + error.what_without_backtrace());
    } catch (const c10::Error& error) {
        throw core::Error(core::ErrorCode::device,
                          std::string("a computation on the device failed: ") + error.what_without_backtrace());
    }
}

} // namespace kvviz::capture
