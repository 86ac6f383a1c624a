// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The main of every test program but the one that needs Qt.
#define CATCH_CONFIG_MAIN
#include "tests/support/catch.hpp"
