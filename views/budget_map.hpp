// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How many tokens the selected method keeps in every layer and KV head: even for most methods, told apart for those
// that share a budget over heads or layers.
#pragma once

#include "views/matrix_canvas.hpp"
#include "views/notice_stack.hpp"
#include "views/view.hpp"

class QLabel;

namespace kvviz::views {

class BudgetMap : public View {
    Q_OBJECT

public:
    explicit BudgetMap(const ViewContext& context, QWidget* parent = nullptr);
    ~BudgetMap() override;

    [[nodiscard]] std::optional<plot::Figure> figure() const override;
    /// Reads again what it shows: the files may have changed.
    void reload() override;

    /// Kept tokens [L, G] of the selected capture, -1 where not known yet, of `prompt` tokens; `name`: method, budget.
    void setKept(std::vector<std::int64_t> kept, std::int64_t prompt, const QString& name);
    /// Nothing can be shown; `reason` says why.
    void clearKept(const QString& reason);

    [[nodiscard]] MatrixCanvas* canvas() const { return m_canvas; }
    [[nodiscard]] QString notice() const { return m_stack->notice(); }
    /// "Uniform: ...", "From 12 to 96 ...".
    [[nodiscard]] QString sentence() const;
    [[nodiscard]] QString describe(int row, int column) const;

protected:
    void styleChanged() override { refresh(); }
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;

private:
    void load();
    void liveChanged();
    void refresh();
    void markCurrent();
    void choose(int row, int column);

    std::optional<core::CaptureInfo> m_info;
    plot::Provenance m_source;
    std::vector<std::int64_t> m_kept; ///< empty: nothing known
    std::int64_t m_prompt = 0;
    QString m_name, m_reason;
    int m_capture = -1;

    NoticeStack* m_stack;
    MatrixCanvas* m_canvas;
    QLabel* m_sentence;
};

} // namespace kvviz::views
