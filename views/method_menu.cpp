// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/method_menu.hpp"

#include <QCoreApplication>

#include <algorithm>
#include <array>

namespace kvviz::views {

namespace {

/// A method of several classes stands under the last of them: moving positions says more than evicting at each step.
char classOf(const compress::MethodInfo& info)
{
    for (const char one : {'P', 'S', 'R', 'Q', 'T'})
        if (info.klass.find(one) != std::string::npos)
            return one;
    return info.klass == "E" ? 'E' : '+';
}

QString titleOf(char one)
{
    const auto tr = [](const char* text) { return QCoreApplication::translate("MethodGroup", text); };
    switch (one) {
    case 'E':
        return tr("E: evicts once, at the end of prefill");
    case '+':
        return tr("E+: evicts at each step");
    case 'P':
        return tr("P: moves positions");
    case 'S':
        return tr("S: shares or merges layers");
    case 'R':
        return tr("R: lowers the rank");
    case 'Q':
        return tr("Q: quantizes");
    default:
        return tr("T: trained");
    }
}

} // namespace

std::vector<MethodGroup> methodGroups()
{
    std::vector<MethodGroup> groups;
    for (const char one : {'E', '+', 'P', 'S', 'R', 'Q', 'T'}) {
        MethodGroup group{titleOf(one), {}};
        for (const compress::MethodInfo& info : compress::methodList())
            if (classOf(info) == one)
                group.methods.push_back(&info);
        if (!group.methods.empty())
            groups.push_back(std::move(group));
    }
    return groups;
}

} // namespace kvviz::views
