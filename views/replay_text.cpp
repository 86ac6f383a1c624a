// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/replay_text.hpp"

#include "compress/method.hpp"
#include "core/error.hpp"

namespace kvviz::views {

QString replayName(const std::string& method, const compress::Budget& budget)
{
    QString name = QString::fromStdString(method);
    try {
        const auto made = compress::makeMethod(method);
        name = QString::fromStdString(made->info().title);
        if (const std::string& variant = made->params().variant(); !variant.empty())
            name += QStringLiteral(" (%1)").arg(QString::fromStdString(variant));
    } catch (const core::Error&) {
        return name; // of another version of the program: its specification says enough
    }
    return budget.tokens ? QStringLiteral("%1, %2 tokens a KV head").arg(name).arg(*budget.tokens)
                         : QStringLiteral("%1, %2 kept").arg(name).arg(budget.ratio, 0, 'g', 3);
}

} // namespace kvviz::views
