// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// See the header.
#include "app/openmp_wait.hpp"

#include <climits>
#include <cstdlib>
#include <unistd.h>

namespace kvviz::app {

void limitSpinning(char** argv)
{
    if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr)
        return;
    char self[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length <= 0 || setenv("GOMP_SPINCOUNT", "2000", 1) != 0)
        return;
    self[length] = '\0';
    execv(self, argv);
}

} // namespace kvviz::app
