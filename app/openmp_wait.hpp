// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How OpenMP threads wait for each other.
#pragma once

namespace kvviz::app {

/// By default libgomp's threads spin for milliseconds at every barrier. Beside any other load (a second capture, a
/// browser) the thread that is waited for is then often the one that was put aside: decoding was 20 times slower on two
/// busy cores. Unless the user has set OMP_WAIT_POLICY or GOMP_SPINCOUNT, this sets a short spin and starts the program
/// anew, since libgomp reads the environment when it is loaded. Returns when nothing is to be done (or cannot be).
void limitSpinning(char** argv);

} // namespace kvviz::app
