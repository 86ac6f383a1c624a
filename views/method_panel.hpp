// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Which method, with which parameters, and how much it may keep: everything that the live views follow. Changes the
// selection and nothing else.
#pragma once

#include "views/frame_throttle.hpp"
#include "views/view.hpp"

#include <map>
#include <vector>

class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QPushButton;
class QSlider;
class QSpinBox;
class QVBoxLayout;

namespace kvviz::compress {
struct MethodPart;
}

namespace kvviz::views {

class MethodParams;

class MethodPanel : public View {
    Q_OBJECT

public:
    explicit MethodPanel(const ViewContext& context, QWidget* parent = nullptr);

    /// Moves the budget by hundredths of the prompt, for shortcuts.
    void stepRatio(int hundredths);
    /// "keeps 105 of 210 tokens ...", as it is shown.
    [[nodiscard]] QString readout() const;

protected:
    void styleChanged() override;

private:
    void buildBudget(QVBoxLayout* page);
    void buildParameters(QVBoxLayout* page);
    void buildMethods();
    void readCapture();
    void showObstacles(const std::map<std::string, std::string>& obstacles);
    void showState();
    void showBudget();
    void showReadout();
    void chooseMethod(int index);
    void chooseThen(int index);
    void setParts(const std::vector<compress::MethodPart>& parts);
    void setRatio(double ratio);
    void setTokens(std::int64_t tokens);

    QComboBox *m_method, *m_then;
    QLabel *m_idea, *m_equation, *m_readout, *m_wrong, *m_of;
    QSlider* m_slider;
    QDoubleSpinBox* m_ratio;
    QSpinBox* m_tokens;
    QPushButton* m_reset;
    MethodParams *m_params, *m_thenParams;
    QWidget* m_thenBox;
    FrameThrottle m_throttle;
    std::int64_t m_promptTokens = 0; ///< of the selected capture as it is judged; 0: not known yet
};

} // namespace kvviz::views
